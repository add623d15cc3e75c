"""A server against its class: each deviation is named, and what a BMC cannot tell is never taken for absent hardware."""

import pytest

from domain.comparison import compare, satisfies
from domain.hardware import (
    BmcIdentity,
    Drive,
    FirmwareVersion,
    Gpu,
    MemoryModule,
    NetworkAdapter,
    NicMode,
    NicPort,
    Processor,
    ServerHardware,
    TrustedModule,
)
from domain.server_class import (
    AdapterNeed,
    DriveNeed,
    FirmwareNeed,
    GpuNeed,
    MemoryNeed,
    ProcessorNeed,
    Requirement,
    ServerClass,
)

WANTED = ServerClass(
    name="mgx-l40s",
    manufacturer="NVIDIA",
    model="MGX",
    processors=ProcessorNeed(count=2, model="Xeon"),
    gpus=GpuNeed(count=2, model="L40S", memory_gib=48),
    memory=MemoryNeed(at_least_gib=128),
    drives=(DriveNeed(count=2, at_least_gb=1900, protocol="NVMe"),),
    adapters=(AdapterNeed(slots=("dpu0",), model="BlueField-3", mode=NicMode.DPU, ports=2),),
    secure_boot=True,
    tpm="TPM2_0",
    firmware=(FirmwareNeed(component="BIOS", version="1.9"),),
)

GOOD = ServerHardware(
    bmc=BmcIdentity(address="127.64.1.11"),
    serial="S1",
    manufacturer="NVIDIA",
    model="MGX 2U",
    processors=(Processor(slot="CPU0", model="Xeon 6"), Processor(slot="CPU1", model="Xeon 6")),
    gpus=(Gpu(slot="GPU0", model="L40S", memory_gib=48), Gpu(slot="GPU1", model="L40S", memory_gib=48)),
    memory=(MemoryModule(slot="D0", size_gib=64), MemoryModule(slot="D1", size_gib=64)),
    drives=tuple(Drive(slot=f"D{n}", model="x", capacity_gb=1920, protocol="NVMe") for n in range(2)),
    adapters=(
        NetworkAdapter(
            slot="dpu0", model="BlueField-3", mode=NicMode.DPU, ports=(NicPort(name="dpu0-p0"), NicPort(name="dpu0-p1"))
        ),
    ),
    firmware=(FirmwareVersion(component="BIOS", version="1.10"),),
    secure_boot=True,
    trusted_modules=(TrustedModule(kind="TPM2_0", enabled=True),),
)


def kinds(**change: object) -> list[str]:
    return [d.kind for d in compare("s1", GOOD.model_copy(update=change), WANTED)]


def test_a_server_that_is_as_its_class_says_has_no_deviation():
    assert compare("s1", GOOD, WANTED) == ()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"model": "Other"}, "model-mismatch"),
        ({"processors": GOOD.processors[:1]}, "processor-mismatch"),
        ({"gpus": GOOD.gpus[:1]}, "gpu-count"),
        ({"gpus": (GOOD.gpus[0], GOOD.gpus[1].model_copy(update={"memory_gib": 24.0}))}, "gpu-memory"),
        ({"memory": GOOD.memory[:1]}, "memory-size"),
        ({"drives": GOOD.drives[:1]}, "drive-count"),
        ({"adapters": ()}, "adapter-missing"),
        ({"adapters": (GOOD.adapters[0].model_copy(update={"mode": NicMode.NIC}),)}, "adapter-mode"),
        ({"secure_boot": False}, "secure-boot"),
        ({"trusted_modules": ()}, "tpm"),
        ({"firmware": (FirmwareVersion(component="BIOS", version="1.8"),)}, "firmware"),
    ],
)
def test_each_deviation_has_a_name_of_its_own(change: dict[str, object], kind: str):
    assert kinds(**change) == [kind]


def test_a_gpu_that_is_missing_says_which_are_there_and_what_to_do():
    (deviation,) = compare("s1", GOOD.model_copy(update={"gpus": GOOD.gpus[:1]}), WANTED)
    assert deviation.message == "s1 shows 1 GPU(s) L40S and its class needs 2 (present: GPU0)."
    assert deviation.required


def test_hardware_the_bmc_does_not_tell_is_unreadable_and_not_missing():
    assert kinds(drives=(), missing=("Storage: 503 while the inventory was being read",)) == ["drives-unreadable"]
    assert kinds(drives=(), missing=("drives: the BMC failed at it",)) == ["drives-unreadable"]


def test_firmware_is_reported_unless_the_class_requires_it():
    old = GOOD.model_copy(update={"firmware": (FirmwareVersion(component="BIOS", version="1.8"),)})
    strict = WANTED.model_copy(update={"firmware_deviation": Requirement.REQUIRED})
    assert [d.required for d in compare("s1", old, WANTED)] == [False]
    assert [d.required for d in compare("s1", old, strict)] == [True]


def test_versions_compare_as_numbers():
    assert satisfies("1.10", FirmwareNeed(component="BIOS", version="1.9"))
    assert not satisfies("1.10", FirmwareNeed(component="BIOS", version="1.9", or_later=False))
