"""What a switch would take and this level cannot carry: refused, so that no test believes in packets that never flow."""

from lab.virtual.switch.forwarding import BRIDGE, read
from lab.virtual.switch.schema import Problem
from lab.virtual.switch.trees import Tree

TAGGED = "tagged VLANs are not carried at the lab's level `machines` (docs/lab.md): its kernel tags no frame"


def refusals(tree: Tree) -> list[Problem]:
    """Of a whole configuration; empty if every part of it that should forward does."""
    return [
        Problem(("interface", port.name, "bridge", "domain", BRIDGE, "vlan"), TAGGED)
        for port in read(tree).ports.values()
        if port.tagged
    ]
