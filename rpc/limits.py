"""Every bound of the service, once, with its derivation."""

from __future__ import annotations

from typing import Final

__all__ = [
    "BATCH_CALLS_MAX",
    "BATCH_GATHER_SECONDS",
    "BATCH_ITEMS_MAX",
    "CHUNK_BYTES_MAX",
    "CONTEXT_BYTES_MAX",
    "EXPANDED_BYTES_MAX",
    "EXPLAINED_ITEMS_MAX",
    "FILE_BYTES_MAX",
    "FILE_NAME_LENGTH_MAX",
    "IDENTITY_ONLY",
    "JOBS_WAITING_MAX",
    "JOB_SECONDS_MAX",
    "MESSAGE_BYTES_MAX",
    "METADATA_BYTES_MAX",
    "METADATA_VALUE_LENGTH_MAX",
    "NOTE_LENGTH_MAX",
    "PAGE_SIZE_DEFAULT",
    "PAGE_SIZE_MAX",
    "REMITTANCE_BYTES_MAX",
    "REPROPOSED_MAX",
    "REQUEST_ID_LENGTH_MAX",
    "RETRY_SECONDS",
    "ROW_ERRORS_MAX",
    "RPCS_MAX",
    "RUN_WAIT_SECONDS",
    "RUN_WAIT_SECONDS_MAX",
    "STATUS_MESSAGE_LENGTH_MAX",
    "STREAM_BYTES_MAX",
    "TOGETHER_BYTES_MAX",
    "UPLOAD_SECONDS_KEPT",
    "WAITING_BYTES_MAX",
    "WAIT_SECONDS_MAX",
    "WEBHOOKS_MAX",
    "WORKER_MEMORY_BYTES",
]

BATCH_CALLS_MAX: Final = 64
"""Calls matched in one pass: most of what one costs is the same for all; more only wait longer."""

BATCH_GATHER_SECONDS: Final = 0.02
"""Longest time a call waits for others to come while no pass is under way: half of what a pass
takes."""

TOGETHER_BYTES_MAX: Final = 64 * 1024
"""Largest request matched together with others: a few hundred payments; a larger one is a batch
of its own and waits behind calls of people."""

EXPLAINED_ITEMS_MAX: Final = 100
"""Open items one call explains: more than anybody reads."""

WAIT_SECONDS_MAX: Final = 2.0
"""Longest wait a call is let in for; who would wait longer is asked to come again."""

WAITING_BYTES_MAX: Final = 1024 * 1024 * 1024
"""Bytes of work that may wait for a worker: four of the largest files."""

MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Largest message either way: the default of every gRPC library, so that no caller must set it."""

CHUNK_BYTES_MAX: Final = 1024 * 1024
"""Largest chunk of a stream: uploads were fastest at 1 MiB, and it bounds memory per call."""

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""Largest bank file: 100 bytes a row times 2.5 million rows, the largest bank's day."""

UPLOAD_SECONDS_KEPT: Final = 86_400
"""How long an upload waits for more: a night in which a line was down."""

RUN_WAIT_SECONDS_MAX: Final = 60
"""Longest wait for a run in one call: what proxies let pass without an answer."""

RUN_WAIT_SECONDS: Final = 30
"""Wait for a run where the caller does not say."""

STREAM_BYTES_MAX: Final = 2 * 1024 * 1024 * 1024
"""Largest streamed match: 10 million rows of 200 bytes; it is spooled to disk, not to memory."""

EXPANDED_BYTES_MAX: Final = 256 * 1024 * 1024
"""Bytes of one message's Arrow rows once expanded: 64 times a message, beyond what zstd makes of
real payments (2 to 10 times)."""

IDENTITY_ONLY: Final = 1
"""Compression gRPC itself may undo: none. It costs throughput, and would let 4 MiB become anything;
Arrow rows and bank files may come compressed, and are expanded in a worker, within limits."""

METADATA_BYTES_MAX: Final = 32 * 1024
"""Headers of a call: a bearer token of 16 KiB and the rest."""

RPCS_MAX: Final = 256
"""Calls at once, the last line of defence: 256 × 4 MiB of messages are 1 GiB."""

JOBS_WAITING_MAX: Final = 64
"""Jobs that may wait for a worker: at 50 ms each two workers clear them within two seconds."""

JOB_SECONDS_MAX: Final = 900
"""Longest job; the largest file takes a few minutes, more is a runaway."""

REQUEST_ID_LENGTH_MAX: Final = 255
"""Longest request id: room for every scheme of keys in use."""

FILE_NAME_LENGTH_MAX: Final = 255
"""Longest file name: the limit of every common file system."""

CONTEXT_BYTES_MAX: Final = 65_536
"""Bytes of a file shown before and after a record: more than a screen holds."""

REMITTANCE_BYTES_MAX: Final = 2 * 1024 * 1024
"""Largest file of advice for one payment: some ten thousand lines, within one message."""

NOTE_LENGTH_MAX: Final = 4_000
"""Characters of one text a person says about a case: two pages."""

BATCH_ITEMS_MAX: Final = 500
"""Acts of one batch: at 2 ms each a second, and the cases of the answer fit one message."""

PAGE_SIZE_DEFAULT: Final = 100
"""Rows of a page where the caller does not say."""

PAGE_SIZE_MAX: Final = 1_000
"""Rows of a page: at 1 KiB each a page fits one message."""

REPROPOSED_MAX: Final = 200
"""Open cases matched again in one look: a second of one worker, behind all calls. Where a change
concerns more, other looks follow, each after its pause."""

RETRY_SECONDS: Final = 1.0
"""When to come again where a line is full: half of the time in which it is cleared."""

ROW_ERRORS_MAX: Final = 1_000
"""Row errors listed in an answer; the rest are counted."""

STATUS_MESSAGE_LENGTH_MAX: Final = 1_000
"""Characters of a status message: status travels in HTTP/2 metadata of 8 to 16 KiB."""

METADATA_VALUE_LENGTH_MAX: Final = 200
"""Characters of one value of an ErrorInfo; ten of them fit beside the message."""

WORKER_MEMORY_BYTES: Final = 8 << 30
"""Memory of its own that a worker may hold (`RLIMIT_DATA`): the largest streamed match, twice over
for its columns and twice for the engine's; files that are only mapped do not count."""

WEBHOOKS_MAX: Final = 50
"""Webhooks of a tenant: every system of a company, twice."""
