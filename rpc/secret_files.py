"""Secrets come from files, and nothing that prints a secret shows it."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from rpc.configuration_errors import ConfigurationError

__all__ = ["Secret", "read_secret", "readable_by_others", "write_privately"]

_SECRET_BYTES_MIN: Final = 16
_SECRET_BYTES_MAX: Final = 4_096


class Secret:
    """Bytes nobody should see by accident: in a repr, a traceback, a log line, a pickle."""

    __slots__ = ("_content",)

    def __init__(self, content: bytes) -> None:
        """Keep `content`."""
        self._content = content

    def reveal(self) -> bytes:
        """The bytes, for the one place that needs them."""
        return self._content

    def __repr__(self) -> str:
        """Three stars."""
        return "Secret(***)"

    def __reduce__(self) -> str:
        """Refuse to be written down."""
        message = "a secret is not pickled"
        raise TypeError(message)


def read_secret(path: str | Path) -> Secret:
    """The content of a file without the blanks around it; raises `ConfigurationError`."""
    try:
        content = Path(path).read_bytes().strip()
    except OSError as error:
        message = f"{path}: {(error.strerror or 'not readable').lower()}"
        raise ConfigurationError(message) from error
    if not _SECRET_BYTES_MIN <= len(content) <= _SECRET_BYTES_MAX:
        message = (
            f"{path}: a secret of {len(content)} bytes; {_SECRET_BYTES_MIN} to "
            f"{_SECRET_BYTES_MAX} are expected (for example from `openssl rand -base64 32`)"
        )
        raise ConfigurationError(message)
    return Secret(content)


def write_privately(path: Path, content: bytes) -> None:
    """Put `content` at `path` in one step, readable and writable by its owner alone."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def readable_by_others(path: str | Path) -> bool:
    """Whether other users of this machine may read the file."""
    return bool(Path(path).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
