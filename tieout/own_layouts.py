"""A user's own layouts of lockbox files: the table that `--lockbox-layout` names."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from parsers.errors import LayoutError
from parsers.lockbox_layout_files import read_layouts

if TYPE_CHECKING:
    from parsers.lockbox_layouts import LockboxLayout

__all__ = ["OwnLayouts", "read_own_layouts"]


class OwnLayouts(msgspec.Struct, frozen=True, kw_only=True):
    """Layouts of a file, and the hash of its content."""

    layouts: tuple[LockboxLayout, ...]
    content_hash: str


def read_own_layouts(path: str | Path) -> OwnLayouts:
    """The layouts of the TOML file `path`.

    Raises `FileNotFoundError`, or `LayoutError` that names file, layout and key.
    """
    content = Path(path).read_bytes()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{path} is no TOML: it is no UTF-8 text ({error})"
        raise LayoutError(message) from error
    return OwnLayouts(
        layouts=read_layouts(text, str(path)), content_hash=hashlib.sha256(content).hexdigest()
    )
