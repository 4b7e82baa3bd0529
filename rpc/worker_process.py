"""A worker: one process that reads jobs from its standard input and answers on its standard output.

It ends when its input ends, and with the server that started it, however that ends.
"""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import signal
import struct
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec

from engine.errors import EngineError
from engine.matcher import match_payments
from parsers.errors import ParserError
from rpc.bank_file_job import BankFileRunner, run_file_result
from rpc.errors import ServiceError
from rpc.jobs import (
    BankFileJob,
    FileResultJob,
    Job,
    JobFailure,
    LoadTablesDone,
    LoadTablesJob,
    MatchJob,
    Reply,
    StreamMatchJob,
    WorkerSettings,
)
from rpc.match_job import run_match, run_stream_match
from rpc.resident_tables import ResidentTables, load_tables, open_tables
from rpc.status import INTERNAL
from store import open_repository
from store.errors import StoreError

if TYPE_CHECKING:
    from rpc.match_job import Matcher
    from store.repository import Repository

__all__ = ["JobRunner", "main"]

_LENGTH: Final = struct.Struct(">Q")
_SET_PARENT_DEATH_SIGNAL: Final = 1
"""`PR_SET_PDEATHSIG` of Linux's prctl."""
_PARENT_CHECK_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


class JobRunner:
    """Does jobs one after the other. Store and tables are opened by the first that needs them."""

    def __init__(self, settings: WorkerSettings, match: Matcher = match_payments) -> None:
        """Work by `settings`; `match` is the engine."""
        self._settings = settings
        self._match = match
        self._repository: Repository | None = None
        self._tables: ResidentTables | None = None

    def run(self, job: Job) -> Reply:
        """Do `job`; an error becomes a `JobFailure` with its reason."""
        try:
            return self._run(job)
        except (ServiceError, StoreError) as error:
            return JobFailure(error.reason, str(error), error.metadata)
        except (EngineError, ParserError) as error:
            return JobFailure(error.reason, str(error), {})
        except Exception as error:  # noqa: BLE001 - the process boundary: someone waits
            _log.exception("job %s failed", type(job).__name__)
            message = f"internal error: {type(error).__name__}; the server's log has the details"
            return JobFailure(INTERNAL, message, {})

    def _run(self, job: Job) -> Reply:
        match job:
            case MatchJob():
                return run_match(job, self._match)
            case StreamMatchJob():
                return run_stream_match(job, self._match)
            case LoadTablesJob():
                return LoadTablesDone(load_tables(job, Path(self._settings.tables_folder)))
            case BankFileJob():
                return self._bank_files().run(job)
            case FileResultJob():
                return run_file_result(self._store(), job)

    def _store(self) -> Repository:
        if self._repository is None:
            self._repository = open_repository(self._settings.store_url)
        return self._repository

    def _bank_files(self) -> BankFileRunner:
        if self._tables is None:
            self._tables = open_tables(Path(self._settings.tables_folder))
        return BankFileRunner(self._store(), self._tables, self._settings.policy, self._match)


def main() -> None:
    """Serve jobs until the input ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    _die_with_parent()
    jobs, replies = _take_streams()
    settings = msgspec.msgpack.decode(_read_frame(jobs), type=WorkerSettings)
    runner = JobRunner(settings)
    decoder = msgspec.msgpack.Decoder(Job)
    gc.freeze()
    _write_frame(replies, b"ready")
    while frame := _read_frame(jobs):
        _write_frame(replies, msgspec.msgpack.encode(runner.run(decoder.decode(frame))))


def _take_streams() -> tuple[BinaryIO, BinaryIO]:
    """The pipes to the server; what anything prints goes to standard error from now on."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return sys.stdin.buffer, replies


def _read_frame(stream: BinaryIO) -> bytes:
    head = stream.read(_LENGTH.size)
    return stream.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


def _write_frame(stream: BinaryIO, content: bytes) -> None:
    stream.write(_LENGTH.pack(len(content)))
    stream.write(content)
    stream.flush()


def _die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the server dies; elsewhere look once a second."""
    # Ctrl-C reaches the whole process group; the server drains and then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="parent-watch").start()


if __name__ == "__main__":
    main()
