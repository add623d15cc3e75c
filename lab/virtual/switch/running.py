"""What those who show how a switch runs need of it."""

from typing import Protocol

from lab.virtual.sitefile import Switch
from lab.virtual.switch.trees import Tree
from lab.virtual.world import SwitchBody, World


class Running(Protocol):
    """A switch as it runs now."""

    name: str
    world: World
    spec: Switch
    body: SwitchBody
    booted_at: float

    @property
    def applied(self) -> Tree: ...

    @property
    def serial(self) -> str: ...

    @property
    def release(self) -> str: ...
