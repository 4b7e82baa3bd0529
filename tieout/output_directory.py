"""Directories that are there as a whole or not at all: where a command writes what it made."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tieout.exit_codes import OutputDirectoryError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["RUN_MARK", "check_output_directory", "new_directory"]

RUN_MARK: Final = "summary.json"
"""The file that shows that a directory holds a run, which a run may replace."""


def check_output_directory(out: Path, *, overwrite: bool, mark: str = RUN_MARK) -> None:
    """Raise `OutputDirectoryError` where a run may not be written to `out`.

    `mark` is the file that shows what is there to be of the kind that would replace it.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir():
        message = f"{out} is no directory; give --out a new or empty one"
        raise OutputDirectoryError(message)
    if not any(out.iterdir()):
        return
    if not overwrite:
        message = f"{out} is not empty; give --out a new directory, or --overwrite to replace a run"
        raise OutputDirectoryError(message)
    if not (out / mark).is_file():
        kind = "run directory" if mark == RUN_MARK else "report"
        message = f"{out} holds no {mark}: it is no {kind} and is not overwritten"
        raise OutputDirectoryError(message)


@contextmanager
def new_directory(out: Path, *, overwrite: bool, mark: str = RUN_MARK) -> Iterator[Path]:
    """A directory to write into, which becomes `out` where nothing was raised.

    Raises `OutputDirectoryError`; whatever is raised, `out` is as it was.
    """
    check_output_directory(out, overwrite=overwrite, mark=mark)
    out = out.resolve()
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.parent / f".{out.name}.{os.urandom(4).hex()}.partial"
    try:
        partial.mkdir()
        yield partial
        _put_in_place(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _put_in_place(partial: Path, out: Path) -> None:
    """Rename `partial` to `out`; an earlier run there is kept until the new one stands."""
    if not out.exists() or not any(out.iterdir()):
        partial.replace(out)
        return
    earlier = partial.with_suffix(".earlier")
    out.rename(earlier)
    try:
        partial.replace(out)
    except BaseException:
        earlier.rename(out)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
