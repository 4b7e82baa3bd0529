"""Files with secrets in them: read only where nobody else may, written so that nobody else can."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from store.errors import KeyFileError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_secret", "write_secret"]

_OWNER_ONLY: Final = 0o600
_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP
"""Bits that must not be set. A group that may read is how containers are handed secrets."""


def read_secret(path: Path) -> bytes:
    """The content of `path`; raises `KeyFileError` where others may read it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & _OTHERS:
        message = f"{path}: others than its owner may read or change it; run chmod 600 {path}"
        raise KeyFileError(message, path=str(path))
    return path.read_bytes()


def write_secret(path: Path, content: bytes) -> None:
    """Write a new file that its owner alone may read; raises `FileExistsError`."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
