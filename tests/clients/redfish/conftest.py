"""One lab process for all tests of the Redfish client: a BMC per habit, and some that tests may break."""

import base64
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clients.redfish import BmcTimeouts, RedfishBmc, RedfishBmcs
from domain.bmc import Certificates, Endpoint
from domain.secret import Login
from tests.clients.redfish.lab_process import FACTORY_PASSWORD, FACTORY_USER, LabBmcs, lab_bmcs

TIME_FACTOR = 20.0
HABITS = (
    "plain", "factory-password", "strict-lockout", "no-expand", "basic-only", "no-etag", "slow-boot-state",
    "nameless", "busy-inventory", "slow", "few-sessions", "sparse", "reset-task", "old-style",
    "system-media", "forgetful-media",
)  # fmt: skip
BASIC = "Basic " + base64.b64encode(f"{FACTORY_USER}:{FACTORY_PASSWORD}".encode()).decode()
FACTORY = Login.model_validate({"username": FACTORY_USER, "password": FACTORY_PASSWORD})


class Client:
    """Our client, pointed at the lab. Its pauses are as much shorter as the lab's time is faster."""

    def __init__(self, lab: LabBmcs) -> None:
        self.lab = lab
        self.bmcs = RedfishBmcs(BmcTimeouts(connect_s=2, read_s=20), sleep=lambda s: time.sleep(s / TIME_FACTOR))

    def endpoint(self, device: str) -> Endpoint:
        return Endpoint(name=device, address=self.lab.address(device))

    def pin(self, device: str) -> Certificates:
        return Certificates(sha256=self.bmcs.identify(self.endpoint(device)).certificate_sha256)

    def restart_bmc(self, device: str) -> None:
        self.lab.restart_bmc(device)
        self.wait_for(device)

    def wait_for(self, device: str) -> None:
        """Returns when it answers again; the test's own time limit is the limit."""
        while not self.bmcs.answering((self.lab.address(device),), timeout_s=2, at_once=1):
            time.sleep(0.02)

    @contextmanager
    def opened(self, device: str, login: Login = FACTORY, bmcs: RedfishBmcs | None = None) -> Iterator[RedfishBmc]:
        with (
            (bmcs or self.bmcs).connect(self.endpoint(device), self.pin(device)) as connection,
            connection.log_in(login) as bmc,
        ):
            yield bmc


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabBmcs]:
    profiles = (
        {habit: habit for habit in HABITS}
        | {"nameless-new": "nameless"}
        | dict.fromkeys(("victim", "signed", "expired", "gh200", "disks", "flash"), "plain")
    )
    with lab_bmcs(
        tmp_path_factory.mktemp("lab"),
        profiles,
        time_factor=TIME_FACTOR,
        certificates={"signed": "factory-ca", "expired": "expired"},
        models={"gh200": "mgx-gh200"},
        firmware={"nameless-new": "24.11-1"},
        drives={"disks": {"NVMe1": "sata-1920", "NVMe2": "nvme-plain-960"}},
    ) as running:
        yield running


@pytest.fixture
def client(lab: LabBmcs) -> Iterator[Client]:
    yield Client(lab)
    lab.mend()
