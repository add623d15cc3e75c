"""Where things are in the resource tree, and the loading of every module that serves a part of it."""

from importlib import import_module

ROOT = "/redfish/v1"
SYSTEM = f"{ROOT}/Systems/system"
CHASSIS = f"{ROOT}/Chassis/chassis"
MANAGER = f"{ROOT}/Managers/bmc"
SESSIONS = f"{ROOT}/SessionService/Sessions"
ACCOUNTS = f"{ROOT}/AccountService/Accounts"
_MODULES = (
    "root",
    "systems",
    "settings",
    "processors",
    "erasing",
    "storage",
    "network",
    "pcie",
    "chassis",
    "power_thermal",
    "sensors",
    "managers",
    "virtual_media",
    "logs",
    "account_service",
    "session_service",
    "event_service",
    "event_stream",
    "task_service",
    "updates",
    "registries",
)


def account_path(account_id: str) -> str:
    return f"{ACCOUNTS}/{account_id}"


def load() -> None:
    """Registers every resource; once is enough, again is harmless."""
    for module in _MODULES:
        import_module(f"lab.virtual.bmc.resources.{module}")
