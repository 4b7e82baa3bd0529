"""Where a server keeps what is on its way: beside its store, or where such things belong.

What lasts (uploads, runs) is on a disk, what a server works with may be in memory: of a store that
is sealed nothing readable comes to a disk.

A store in PostgreSQL has no place on this machine of its own; its server takes the folder that the
service manager or the user has for state, never the one it happens to be started in.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.configuration_errors import ConfigurationError
from store.addresses import SqliteAddress, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.configuration import Configuration

__all__ = [
    "folders_in_memory",
    "is_in_memory",
    "kept_folder",
    "lasting_folder",
    "placed",
    "spool_folder",
]

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - the folder made below is private
"""A file system that is never written to a disk but by swapping."""

_WORKING: Final = re.compile(r"tieout-\d+-s?[0-9a-f]{12}")
"""Names of folders in memory: of the user, and of the store. Without the letter one of digits only
would be masked in logs as an account number; older versions have none."""

_MOUNTS: Final = Path("/proc/self/mounts")

_MEMORY_BYTES_MIN: Final = 1 << 30
"""With less (a container has 64 MiB unless told) not even what is resident would fit."""


def placed(configuration: Configuration, environment: Mapping[str, str]) -> Configuration:
    """`configuration` with a spool folder where its store is no file and none is set.

    systemd's `STATE_DIRECTORY`, else `XDG_STATE_HOME`, else `~/.local/state`; each store has one of
    its own in it. Raises `ConfigurationError` where there is none of them.
    """
    address = parse_address(configuration.store_url())
    if configuration.server.spool or isinstance(address, SqliteAddress):
        return configuration
    digest = hashlib.sha256(address.shown.encode()).hexdigest()[:12]
    folder = _state_folder(environment) / f"postgresql-{digest}"
    server = msgspec.structs.replace(configuration.server, spool=str(folder))
    return msgspec.structs.replace(configuration, server=server)


def _state_folder(environment: Mapping[str, str]) -> Path:
    given = environment.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given)
    home = environment.get("HOME", "")
    state = environment.get("XDG_STATE_HOME", "") or (home and f"{home}/.local/state")
    if not state:
        message = "server.spool is not set, and this user has no home: say where files may be kept"
        raise ConfigurationError(message)
    return Path(state, "tieout")


def spool_folder(configuration: Configuration) -> Path:
    """Where files on their way are kept while a server runs: in memory where the store is sealed,
    and nothing else is set.
    """
    if configuration.server.working:
        return Path(configuration.server.working, "tieout-working").resolve()
    disk = _folder(configuration, "spool")
    if not configuration.store.encryption_key_file or not _memory_is_large():
        return disk
    digest = hashlib.sha256(str(disk).encode()).hexdigest()[:12]
    return _MEMORY / f"{_prefix()}s{digest}"


def folders_in_memory() -> list[Path]:
    """The folders in memory that servers of this user work in, or worked in, by name."""
    if not _MEMORY.is_dir():
        return []
    found = (path for path in _MEMORY.glob(f"{_prefix()}*") if _WORKING.fullmatch(path.name))
    return sorted(path for path in found if path.is_dir() and not path.is_symlink())


def _prefix() -> str:
    return f"tieout-{os.getuid()}-"


def is_in_memory(folder: Path) -> bool:
    """Whether what is written to `folder` comes to no disk, as far as the system says."""
    try:
        mounts = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return folder.is_relative_to(_MEMORY)
    kinds = {}
    for line in mounts:
        _, place, kind, *_ = line.split(" ")
        kinds[Path(place.replace("\\040", " "))] = kind
    found = [place for place in (folder, *folder.parents) if place in kinds]
    return bool(found) and kinds[found[0]] in {"tmpfs", "ramfs"}


def kept_folder(configuration: Configuration) -> Path:
    """Where uploads and runs wait, also for the next server."""
    return _folder(configuration, "spool-kept")


def lasting_folder(configuration: Configuration) -> Path:
    """Where what is resident is kept for the next server."""
    return _folder(configuration, "resident")


def _folder(configuration: Configuration, name: str) -> Path:
    given = configuration.server.spool
    if given:
        return Path(given, f"tieout-{name}").resolve()
    address = parse_address(configuration.store_url()).absolute()
    if not isinstance(address, SqliteAddress):
        message = "server.spool is not set: a store in PostgreSQL has no folder beside it"
        raise ConfigurationError(message)
    return address.beside(name)


def _memory_is_large() -> bool:
    if not _MEMORY.is_mount():
        return False
    found = os.statvfs(_MEMORY)
    return found.f_bavail * found.f_frsize >= _MEMORY_BYTES_MIN
