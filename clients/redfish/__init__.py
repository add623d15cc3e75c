"""BMCs over Redfish, on DMTF's `redfish` library: trust, sessions, quirks, hardware, power, accounts."""

from clients.redfish.client import RedfishBmc, RedfishBmcs, RedfishConnection
from clients.redfish.wire import BmcTimeouts

__all__ = ["BmcTimeouts", "RedfishBmc", "RedfishBmcs", "RedfishConnection"]
