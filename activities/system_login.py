"""Drivers for systems that are read with a login: the one that the declaration names. Counted like every other, never taken over."""

from activities.bmc_login import BmcLogins
from activities.switch_login import SwitchLogins
from domain.beat import Beat
from domain.bmc import BmcAddress, BmcFactory, BmcTarget, DeviceTarget, DeviceTrust
from domain.nvue import SwitchFactory, SwitchTarget
from domain.secret import SecretRef
from domain.system_sight import sight_of_box, sight_of_router
from domain.systems import SystemSight, SystemTarget, SystemUnreachable

ANSWER_TIMEOUT_S = 3.0


class BmcObserver:
    """Fulfils `SystemDriver` by Redfish: a management controller is read as a server's is, its power left as it is."""

    def __init__(self, bmcs: BmcFactory, logins: BmcLogins) -> None:
        self._bmcs, self._logins = bmcs, logins

    def check_ready(self, target: SystemTarget) -> None:
        self._logins.check_budget(_target(BmcTarget, target, target.ports[0]))

    def observe(self, target: SystemTarget, beat: Beat) -> SystemSight:
        asked = tuple(BmcAddress(host=target.host, port=port) for port in target.ports)
        found = self._bmcs.answering(asked, timeout_s=ANSWER_TIMEOUT_S, at_once=len(asked), beat=beat)
        if not found:
            raise SystemUnreachable(f"{target} does not answer on TCP {_listed(target)}.")
        with self._logins.open_session(_target(BmcTarget, target, found[0].port)) as bmc:
            beat(target.name)
            return sight_of_box(target.name, bmc.read_hardware())


class NvueObserver:
    """Fulfils `SystemDriver` by NVUE. Only GETs: no revision is made, and nothing is saved."""

    def __init__(self, switches: SwitchFactory, logins: SwitchLogins) -> None:
        self._switches, self._logins = switches, logins

    def check_ready(self, target: SystemTarget) -> None:
        self._logins.check_budget(_target(SwitchTarget, target, target.ports[0]))

    def observe(self, target: SystemTarget, beat: Beat) -> SystemSight:
        port = next((p for p in target.ports if self._speaks(target.host, p)), None)
        if port is None:
            raise SystemUnreachable(f"{target} does not answer NVUE on TCP {_listed(target)}.")
        with self._logins.open_session(_target(SwitchTarget, target, port)) as session:
            beat(target.name)
            return sight_of_router(target.name, session.identity(), session.interfaces())

    def _speaks(self, host: str, port: int) -> bool:
        presence = self._switches.presence(host, port)
        return presence is not None and presence.speaks_nvue


def _target[T: DeviceTarget](kind: type[T], target: SystemTarget, port: int) -> T:
    assert target.system.credential is not None, "a driver that logs in is only asked where a login is declared"
    return kind(
        site=target.site,
        device=target.name,
        address=BmcAddress(host=target.host, port=port),
        trust=DeviceTrust.declared(target.trust, target.name),
        factory=SecretRef(path=target.system.credential),
    )


def _listed(target: SystemTarget) -> str:
    return ", ".join(map(str, target.ports))
