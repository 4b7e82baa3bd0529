"""Every bound of the web process, once, with its derivation."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CALL_SECONDS_MAX",
    "CHECK_SECONDS_MAX",
    "CONNECTIONS_MAX",
    "DRAIN_SECONDS",
    "HEADER_BYTES_MAX",
    "IDLE_SECONDS",
    "MESSAGE_BYTES_MAX",
]

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest message of the front either way, as `rpc/limits.py` has it."""

HEADER_BYTES_MAX: Final = 64 * 1024
"""Request line and headers: a bearer token of 16 KiB, cookies, and the rest."""

CONNECTIONS_MAX: Final = 1_000
"""Connections at once: a browser holds six, so 150 people and some machines."""

IDLE_SECONDS: Final = 75
"""How long a connection may wait for its next request: longer than proxies in front keep theirs."""

CALL_SECONDS_MAX: Final = 900.0
"""Longest call of the front: its longest job."""

CHECK_SECONDS_MAX: Final = 2.0
"""How long the front may take to say that it is there; probes wait five seconds by custom."""

DRAIN_SECONDS: Final = 10
"""How long requests in progress may take to end; the front drains after them."""
