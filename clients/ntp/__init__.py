"""NTP servers, asked as any client asks them (RFC 5905)."""

from clients.ntp.observer import NtpObserver

__all__ = ["NtpObserver"]
