"""What servers left readable in memory that were killed together with their guardians.

A server that runs holds the folder it works in, and so does its guardian. What nobody holds, and is
no minute old, belongs to nobody any more: the next server of the same user removes it.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.serving.folders import folders_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Leftover", "left_behind", "left_in", "remove_left"]

_PROCESSES: Final = Path("/proc")

_YOUNG_SECONDS: Final = 60.0
"""A server that starts makes its folder before it holds it: a minute is more than that takes."""


class Leftover(msgspec.Struct, frozen=True):
    """A folder that a server left, and how much is in it."""

    path: Path
    file_count: int
    size_bytes: int


def left_in(folder: Path) -> Leftover:
    """What is in `folder`, whoever it belongs to; what goes meanwhile is not counted."""
    count = size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - as walked
                count += 1
    return Leftover(folder, count, size)


def left_behind(now_seconds: float, but: Sequence[Path] = ()) -> list[Leftover]:
    """Folders in memory of this user's servers that none of them works in, but those in `but`.

    `now_seconds` is the time of the file system's clock.
    """
    found = [
        path
        for path in folders_in_memory()
        if path not in but and _age(path, now_seconds) > _YOUNG_SECONDS
    ]
    held = _held(found) if found else set()
    return [left_in(path) for path in found if path not in held]


def remove_left(leftover: Leftover) -> None:
    """Remove what was left; what somebody else removes meanwhile is no error."""
    shutil.rmtree(leftover.path, ignore_errors=True)


def _age(path: Path, now_seconds: float) -> float:
    try:
        return now_seconds - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _held(folders: Iterable[Path]) -> set[Path]:
    """Those of `folders` that a process of this user has open, or something in them."""
    wanted = set(folders)
    return {path for opened in _opened() for path in (opened, *opened.parents) if path in wanted}


def _opened() -> Iterable[Path]:
    """What processes have open; those of others are not shown, and have nothing of ours open."""
    for process in _PROCESSES.iterdir():
        if not process.name.isdecimal():
            continue
        with suppress(OSError):  # it ended, or is somebody else's
            for opened in (process / "fd").iterdir():
                with suppress(OSError):
                    yield opened.readlink()
