"""Every bound of the web process, once, with its derivation."""

from __future__ import annotations

from typing import Final

__all__ = [
    "APART_BYTES_MIN",
    "BODY_BYTES_MAX",
    "BODY_SECONDS_MAX",
    "CALL_SECONDS_MAX",
    "CHECK_SECONDS_MAX",
    "CHUNK_BYTES_MAX",
    "CONNECTIONS_MAX",
    "CREDENTIAL_LENGTH_MAX",
    "DRAIN_SECONDS",
    "FIRST_EVENT_SECONDS",
    "FORM_BYTES_MAX",
    "FORM_FIELDS_MAX",
    "HEADER_BYTES_MAX",
    "HEADER_SECONDS_MAX",
    "HEARTBEAT_SECONDS",
    "IDLE_SECONDS",
    "LINE_BYTES_MAX",
    "MESSAGE_BYTES_MAX",
    "PACKED_BYTES_MIN",
    "ROWS_OF_A_CHUNK",
    "ROW_FILE_BYTES_MAX",
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

CHUNK_BYTES_MAX: Final = 1024 * 1024
"""Largest chunk of a stream to the front, as `rpc/limits.py` has it."""

BODY_BYTES_MAX: Final = 16 * 1024 * 1024
"""Largest body of a call of one message: JSON takes up to four times what the message does."""

LINE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Longest line of a stream of messages: a chunk of 1 MiB, as JSON."""

BODY_SECONDS_MAX: Final = 60.0
"""How long nothing of a body may come: slow lines pause for seconds, not for a minute."""

APART_BYTES_MIN: Final = 64 * 1024
"""Bodies from here up are read beside the event loop: that is a millisecond of parsing."""

CREDENTIAL_LENGTH_MAX: Final = 20_000
"""Longest credential: a bearer token of 16 KiB; the front takes 32 KiB of metadata."""

ROW_FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest file of rows: two million open items; it is spooled to disk, not to memory."""

ROWS_OF_A_CHUNK: Final = 1_000
"""Rows of one message to the front: at less than 1 KiB each they are a chunk."""

HEARTBEAT_SECONDS: Final = 15.0
"""Pause after which a stream of events says that it is still there; proxies wait for a minute."""

FORM_BYTES_MAX: Final = 8 * 1024 * 1024
"""A form of a page with what is attached: pasted text and a remittance advice."""

PACKED_BYTES_MIN: Final = 1_400
"""Smaller answers fit one packet as they are; packing them gains nothing."""

FIRST_EVENT_SECONDS: Final = 0.5
"""How long a stream of events waits with its status: refusals come at once, events may not."""

HEADER_SECONDS_MAX: Final = 20.0
"""How long a request may take to say what it wants: a slow line needs seconds."""
FORM_FIELDS_MAX: Final = 20_000
"""Fields of a form: an exception with a thousand open items has some five of each."""
