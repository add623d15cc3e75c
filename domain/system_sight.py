"""A system as the clients for BMCs and switches read it: a storage head is a box with a BMC, a Cumulus gateway speaks NVUE. Pure."""

from collections.abc import Iterable

from domain.hardware import ServerHardware
from domain.nvue import SwitchIdentity, SwitchInterface
from domain.recording_devices import summary
from domain.recording_facts import DeviceFacts
from domain.switch_sight import facts_of_switch
from domain.systems import SystemSight


def sight_of_box(name: str, hardware: ServerHardware) -> SystemSight:
    facts = DeviceFacts(
        name=name,
        serial=hardware.serial,
        firmware={entry.component: entry.version for entry in hardware.firmware},
        summary=summary(hardware),
    )
    return SystemSight(facts=facts, model=hardware.model, health=hardware.health)


def sight_of_router(name: str, identity: SwitchIdentity, interfaces: Iterable[SwitchInterface]) -> SystemSight:
    return SystemSight(facts=facts_of_switch(name, identity, interfaces), model=identity.model)
