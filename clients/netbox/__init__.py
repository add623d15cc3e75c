"""NetBox 4.7: the inventory, its pools, and what we own in it."""

from clients.netbox.client import NetBoxInventory
from clients.netbox.pools import NetBoxPools
from clients.netbox.session import NetBoxSession

__all__ = ["NetBoxInventory", "NetBoxPools", "NetBoxSession"]
