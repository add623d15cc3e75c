"""Where and how a release of Cumulus Linux words things: NVUE moved and renamed some of what the double obeys.

Read off the published schemas: `auto-save` says `enable: on` before 5.10 and `state: enabled` since; users and LLDP have a
`state` since 5.11; LLDP moved from `service` to `system` in 5.15.
"""

from typing import Any, NamedTuple

from lab.virtual.switch.trees import Tree, below

_ON = ("on", "enabled")
_OFF = ("off", "disabled")


class Release(NamedTuple):
    major: int
    minor: int

    @classmethod
    def of(cls, text: str) -> "Release":
        """`5.11.1` → 5.11."""
        major, minor = text.split(".")[:2]
        return cls(int(major), int(minor))

    def auto_saves(self, tree: Tree) -> bool:
        """Whether an applied configuration is saved at once: as configured, by default since 5.9."""
        word = _word(tree, "system", "config", "auto-save")
        return word not in _OFF if word else self >= (5, 9)

    def lldp_off(self, tree: Tree) -> bool:
        return _word(tree, *self._lldp_path) in _OFF

    def lldp_off_ports(self, tree: Tree) -> set[str]:
        return {name for name, entry in tree.get("interface", {}).items() if _word(entry, "lldp") in _OFF}

    def defaults(self) -> Tree:
        """What `filled=true` adds outside the interfaces."""
        saving: Tree = {"state": "enabled"} if self >= (5, 10) else {"enable": "on" if self >= (5, 9) else "off"}
        tree: Tree = {"system": {"config": {"apply": {"overwrite": "all"}, "auto-save": saving}}}
        if self >= (5, 6):
            tree["system"]["api"] = {"port": 8765, "state": "enabled"}
        where, _ = self._lldp_path
        off = "disabled" if self >= (5, 15) else "off"
        lldp: Tree = {"dot1-tlv": off, "mode": "default", "tx-hold-multiplier": 4, "tx-interval": 30}
        return {**tree, where: {**tree.get(where, {}), "lldp": lldp}}

    @property
    def _lldp_path(self) -> tuple[str, str]:
        return ("system", "lldp") if self >= (5, 15) else ("service", "lldp")


def _word(tree: Any, *path: str) -> str:
    """`state` or `enable` of an object; empty where neither is configured."""
    try:
        entry = below(tree, path)
    except KeyError:
        return ""
    return str(entry.get("state") or entry.get("enable") or "") if isinstance(entry, dict) else ""


def switched_off(entry: Any) -> bool:
    """Whether an object (a user, a port's LLDP) is configured off, in the words of any release."""
    return _word(entry) in _OFF


def switched_on(entry: Any) -> bool:
    """Whether an object that is off by default (EVPN, an address family) is configured on, in the words of any release."""
    return _word(entry) in _ON
