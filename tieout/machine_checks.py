"""What a server needs of its machine, looked at one by one; nothing is changed.

Each check gives a verdict: `ok`, `warning` (it starts, but look at it) or `failed` (it does not, or
must not). A check that raises has failed, with the sentence of its error.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from engine.errors import EngineError
from rpc.configuration_errors import ConfigurationError
from rpc.listening import split_address
from store import open_database
from store.addresses import SqliteAddress, parse_address
from store.errors import StoreError
from store.migrations import pending_migrations, read_migrations
from store.sqlite import check_sqlite_version
from tieout.configuration import authority_of, policy_of
from tieout.server_doors import check_all
from tieout.serving.folders import spool_folder
from tieout.serving.leftovers import left_behind

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.configuration import Configuration

__all__ = ["CHECKS", "Verdict", "look_at"]

_Outcome = Literal["ok", "warning", "failed"]

_PACKAGES: Final = ("grpcio", "protobuf", "pyarrow", "numpy", "scipy", "lxml", "msgspec", "apsw")
_FREE_BYTES_MIN: Final = 1 << 30
_FREE_BYTES_LOW: Final = 10 << 30
_FILES_MIN: Final = 4_096
_CLOCK_UNSYNCHRONISED: Final = 5
"""`TIME_ERROR` of Linux's adjtimex: nothing keeps the clock right."""
_ADJTIMEX_BYTES: Final = 512
_PROBE_SECONDS: Final = 2.0


class Verdict(msgspec.Struct, frozen=True):
    """What one check found: its name, how it ended, and a sentence about it."""

    check: str
    outcome: _Outcome
    message: str


def look_at(configuration: Configuration) -> list[Verdict]:
    """The verdict of every check, in order."""
    verdicts = []
    for name, check in CHECKS.items():
        try:
            outcome, message = check(configuration)
        except (ConfigurationError, EngineError, StoreError, OSError) as error:
            outcome, message = "failed", str(error)
        verdicts.append(Verdict(name, outcome, message))
    return verdicts


def _versions(_: Configuration) -> tuple[_Outcome, str]:
    found = []
    for name in ("tieout", *_PACKAGES):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            return "failed", f"{name} is not installed"
    return "ok", f"Python {platform.python_version()}, {', '.join(found)}"


def _sqlite(_: Configuration) -> tuple[_Outcome, str]:
    import apsw  # noqa: PLC0415 - SQLite's own version, not Python's

    found = apsw.sqlite_lib_version()
    check_sqlite_version(found)
    return "ok", f"SQLite {found}"


def _settings(configuration: Configuration) -> tuple[_Outcome, str]:
    remarks = check_all(configuration)
    for table in configuration.served_tenants().values():
        policy_of(table)
        authority_of(table)
        for path in (table.open_items, table.customers, table.bank_accounts):
            if path and not os.access(path, os.R_OK):
                return "failed", f"{path}: not there, or not readable"
    if remarks:
        return "warning", "; ".join(remarks)
    return "ok", f"tenants {', '.join(sorted(configuration.served_tenants()))}"


def _store(configuration: Configuration) -> tuple[_Outcome, str]:
    address = parse_address(configuration.store_url()).absolute()
    there = set(address.tenants())
    told = []
    behind = False
    for tenant in sorted(configuration.served_tenants()):
        if tenant not in there:
            told.append(f"{tenant}: made at the first start")
            continue
        database = open_database(address, tenant, busy_seconds=_PROBE_SECONDS)
        try:
            known = read_migrations(database.dialect)
            pending = pending_migrations(database, known)
        finally:
            database.close()
        behind = behind or bool(pending)
        told.append(f"{tenant}: {len(known) - len(pending)} of {len(known)} migrations")
    sentence = f"{address.shown}; {'; '.join(told)}"
    if behind:
        return "warning", f"{sentence}; the next start applies them: back up first"
    return "ok", sentence


def _folders(configuration: Configuration) -> dict[str, Path]:
    address = parse_address(configuration.store_url()).absolute()
    folders = {"spool": spool_folder(configuration).parent}
    if isinstance(address, SqliteAddress):
        folders["store"] = address.path.parent
    return folders


def _disk(configuration: Configuration) -> tuple[_Outcome, str]:
    told = []
    least = None
    for name, folder in _folders(configuration).items():
        there = next(one for one in (folder, *folder.parents) if one.exists())
        free = shutil.disk_usage(there).free
        least = free if least is None else min(least, free)
        told.append(f"{name} {there}: {free / (1 << 30):.1f} GiB free")
    sentence = "; ".join(told)
    if least is None or least < _FREE_BYTES_MIN:
        return "failed", f"{sentence}; at least 1 GiB is needed"
    return ("warning" if least < _FREE_BYTES_LOW else "ok"), sentence


def _permissions(configuration: Configuration) -> tuple[_Outcome, str]:
    for name, folder in _folders(configuration).items():
        there = next(one for one in (folder, *folder.parents) if one.exists())
        with tempfile.TemporaryFile(dir=there) as file:
            file.write(b"tieout doctor")
        if name == "store" and there.stat().st_mode & 0o002:
            return "failed", f"{there} may be written by every user of this machine"
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return "warning", "this is root; give the server a user of its own"
    return "ok", "folders of the store and the spool may be written"


def _memory(_: Configuration) -> tuple[_Outcome, str]:
    left = [one for one in left_behind(time.time()) if one.file_count]
    if not left:
        return "ok", "nothing was left in memory by servers that were killed"
    told = ", ".join(f"{one.path} ({one.file_count} files)" for one in left)
    return "warning", f"left by servers that were killed: {told}; the next sealed one removes it"


def _clock(_: Configuration) -> tuple[_Outcome, str]:
    now = time.time()
    written = Path(__file__).stat().st_mtime
    shown = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < written - 86_400:
        return "failed", f"the clock says {shown}, before this release was installed"
    state = _clock_state()
    if state == _CLOCK_UNSYNCHRONISED:
        return "warning", f"{shown}; nothing keeps the clock right (NTP)"
    return "ok", shown


def _clock_state() -> int | None:
    """What the kernel says about its clock; None where it does not."""
    if sys.platform != "linux":
        return None
    answer: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_ADJTIMEX_BYTES))
    return answer


def _ports(configuration: Configuration) -> tuple[_Outcome, str]:
    told = []
    server = configuration.server
    for address in filter(None, (server.grpc_address, server.http_address, server.metrics_address)):
        host, port = split_address(address)
        family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host.strip("[]"), port))
            except OSError as error:
                if _is_ours(server.metrics_address):
                    return "ok", "a tieout server is listening"
                return "failed", f"{address}: {(error.strerror or str(error)).lower()}"
        told.append(address)
    return "ok", f"{', '.join(told)} are free"


def _is_ours(metrics_address: str) -> bool:
    try:
        with urllib.request.urlopen(
            f"http://{metrics_address}/livez", timeout=_PROBE_SECONDS
        ) as answer:
            told: Any = msgspec.json.decode(answer.read(10_000))
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and "alive" in told


def _limits(configuration: Configuration) -> tuple[_Outcome, str]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    wanted = configuration.server.workers * configuration.limits.worker_memory_bytes
    sentence = (
        f"{files} open files, {memory / (1 << 30):.1f} GiB of memory, {os.cpu_count()} cores for "
        f"{configuration.server.workers} workers"
    )
    if files < _FILES_MIN:
        return "warning", f"{sentence}; allow {_FILES_MIN} open files"
    if wanted > memory:
        share = f"{wanted / (1 << 30):.1f} GiB"
        return "warning", f"{sentence}; all workers together may take {share}"
    return "ok", sentence


CHECKS: Final[dict[str, Callable[[Configuration], tuple[_Outcome, str]]]] = {
    "versions": _versions,
    "sqlite": _sqlite,
    "settings": _settings,
    "store": _store,
    "disk": _disk,
    "permissions": _permissions,
    "memory": _memory,
    "clock": _clock,
    "ports": _ports,
    "limits": _limits,
}
"""Checks by name, in the order they are told."""
