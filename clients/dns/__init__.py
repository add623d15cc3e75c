"""DNS servers."""

from clients.dns.observer import DnsObserver

__all__ = ["DnsObserver"]
