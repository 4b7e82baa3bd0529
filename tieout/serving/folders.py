"""Where a server keeps what is on its way: beside its store, or where such things belong.

A store in PostgreSQL has no place on this machine of its own; its server takes the folder that the
service manager or the user has for state, never the one it happens to be started in.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rpc.configuration_errors import ConfigurationError
from store.addresses import SqliteAddress, parse_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tieout.configuration import Configuration

__all__ = ["lasting_folder", "placed", "spool_folder"]


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
    """Where files on their way are kept while a server runs."""
    return _folder(configuration, "spool")


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
