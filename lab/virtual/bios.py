"""The BIOS attributes that the lab's servers know: what values each takes. The registry that a BMC serves is made of this."""

from dataclasses import dataclass
from typing import Literal

type Value = str | int | bool
REGISTRY = "EdgewrightBios.1.0.0"


@dataclass(frozen=True)
class Attribute:
    """`choices` for enumerations, `lowest` and `highest` for numbers."""

    choices: tuple[str, ...] = ()
    lowest: int = 0
    highest: int = 0

    def type_of(self, value: Value) -> Literal["Enumeration", "Boolean", "Integer", "String"]:
        if self.choices:
            return "Enumeration"
        if isinstance(value, bool):
            return "Boolean"
        return "Integer" if isinstance(value, int) else "String"


KNOWN: dict[str, Attribute] = {
    "BootMode": Attribute(("Uefi", "LegacyBios")),
    "IommuMode": Attribute(("Enabled", "Disabled", "Passthrough")),
    "PowerProfile": Attribute(("MaxPerformance", "Balanced", "PowerSaver")),
    "PxeDevice": Attribute(("Nic1", "Nic2", "Disabled")),
    "TpmOperation": Attribute(("NoAction", "Clear")),
    "NumaNodesPerSocket": Attribute(lowest=1, highest=4),
    "SerialBaudRate": Attribute(lowest=9600, highest=921600),
}


def attribute(name: str) -> Attribute:
    """What is not listed takes any value of its type."""
    return KNOWN.get(name, Attribute())
