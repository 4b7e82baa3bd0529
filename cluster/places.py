"""Places of files: folders on this machine, in HDFS, in an object store; by URI.

Spark reads and writes tables by itself; here stand the few things it does not: small files, names
of the parts of a table, and files that every machine maps. A file appears whole or not at all: it
is written under another name and then moved.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
from pyarrow import fs

from cluster.errors import PlaceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FileAt", "Place", "files_below", "local_copy"]

_PARTIAL: Final = ".partial"
_COPIES: Final = "tieout-cluster"
_COPY_SECONDS: Final = 3 * 24 * 3600
"""How long a copy that nobody wants is kept: longer than any run."""


class FileAt(msgspec.Struct, frozen=True):
    """A file and what tells it apart from an earlier one of the same name."""

    uri: str
    size: int
    changed: str


class Place(msgspec.Struct, frozen=True):
    """A file or folder by its URI."""

    uri: str

    @classmethod
    def of(cls, name: str | Path) -> Place:
        """The place called `name`: a URI, or a path on this machine."""
        text = str(name)
        if urlsplit(text).scheme and "://" in text:
            return cls(text.rstrip("/"))
        return cls(Path(text).resolve().as_uri())

    def __str__(self) -> str:
        """The URI; a path where it is one of this machine."""
        return str(self.path()) if self.is_local else self.uri

    def __truediv__(self, name: str) -> Place:
        """The place `name` in this folder."""
        return Place(f"{self.uri}/{name}")

    @property
    def name(self) -> str:
        """The last part."""
        return self.uri.rsplit("/", 1)[-1]

    @property
    def is_local(self) -> bool:
        """It is a file of this machine's (or of all machines, where the folder is shared)."""
        return self.uri.startswith("file://")

    def path(self) -> Path:
        """The path of a local place."""
        return Path(fs.FileSystem.from_uri(self.uri)[1])

    def read(self) -> bytes:
        """All bytes; raises `FileNotFoundError` or `PlaceError`."""
        with _explained(self):
            system, path = fs.FileSystem.from_uri(self.uri)
            with system.open_input_stream(path) as opened:
                return bytes(opened.read())

    def write(self, content: bytes | memoryview) -> None:
        """Put `content` there, whole or not at all; raises `PlaceError`."""
        with self.written() as opened:
            opened.write(content)

    @contextmanager
    def written(self) -> Iterator[Any]:
        """A stream whose bytes stand there once it is left, whole or not at all; whoever writes the
        same file at the same time does not disturb it. Raises `PlaceError`.
        """
        with _explained(self):
            system, path = fs.FileSystem.from_uri(self.uri)
            system.create_dir(path.rsplit("/", 1)[0], recursive=True)
            partial = f"{path}.{secrets.token_hex(8)}{_PARTIAL}"
            try:
                with system.open_output_stream(partial) as opened:
                    yield opened
                _replace(system, partial, path)
            except BaseException:
                with suppress(OSError):
                    system.delete_file(partial)
                raise

    def exists(self) -> bool:
        """There is such a file or folder."""
        with _explained(self):
            system, path = fs.FileSystem.from_uri(self.uri)
            return bool(system.get_file_info(path).type != fs.FileType.NotFound)

    def is_empty(self) -> bool:
        """There is no such folder, or nothing in it."""
        with _explained(self):
            system, path = fs.FileSystem.from_uri(self.uri)
            return not system.get_file_info(fs.FileSelector(path, allow_not_found=True))

    def remove(self) -> None:
        """Take the file, or the folder and all in it, away, where it is there."""
        with _explained(self), suppress(FileNotFoundError):
            system, path = fs.FileSystem.from_uri(self.uri)
            kind = system.get_file_info(path).type
            if kind == fs.FileType.Directory:
                system.delete_dir(path)
            elif kind != fs.FileType.NotFound:
                system.delete_file(path)

    def take(self, other: Place) -> None:
        """Be the file that `other` was."""
        with _explained(self):
            system, path = fs.FileSystem.from_uri(self.uri)
            system.create_dir(path.rsplit("/", 1)[0], recursive=True)
            system.move(fs.FileSystem.from_uri(other.uri)[1], path)

    def move_to(self, other: Place) -> None:
        """Rename the folder; `other` must not be there."""
        with _explained(other):
            system, path = fs.FileSystem.from_uri(self.uri)
            system.move(path, fs.FileSystem.from_uri(other.uri)[1])


def _replace(system: fs.FileSystem, partial: str, path: str) -> None:
    """Rename a file, over one that is there already where the file system does not do so itself."""
    try:
        system.move(partial, path)
    except OSError:
        if system.get_file_info(path).type == fs.FileType.NotFound:
            raise
        system.delete_file(path)
        system.move(partial, path)


class _explained:  # noqa: N801 - reads as a statement
    """Turns what a file system says into an error that names the place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Explain."""
        if error is None or isinstance(error, FileNotFoundError):
            return
        if isinstance(error, OSError | pa.ArrowException):
            message = f"{self._place}: {error}"
            raise PlaceError(message) from error


def files_below(name: str | Path, endings: tuple[str, ...]) -> list[FileAt]:
    """The file `name`, or the files in the folder `name` with one of `endings`, by their URIs.

    Hidden files, and those that begin with an underscore, are none. Raises `FileNotFoundError`.
    """
    place = Place.of(name)
    with _explained(place):
        system, path = fs.FileSystem.from_uri(place.uri)
        info = system.get_file_info(path)
        if info.type == fs.FileType.NotFound:
            message = f"{place}: no such file or folder"
            raise FileNotFoundError(message)
        if info.is_file:
            return [_file_at(place.uri, info)]
        found = system.get_file_info(fs.FileSelector(path, recursive=True))
    files = [
        _file_at(f"{place.uri}/{one.path[len(path) :].lstrip('/')}", one)
        for one in found
        if one.is_file and _is_wanted(one.path[len(path) :], endings)
    ]
    return sorted(files, key=lambda file: file.uri)


def _file_at(uri: str, info: fs.FileInfo) -> FileAt:
    return FileAt(uri, int(info.size or 0), str(info.mtime_ns or 0))


def _is_wanted(path: str, endings: tuple[str, ...]) -> bool:
    parts = path.strip("/").split("/")
    plain = not any(part.startswith((".", "_")) for part in parts)
    return plain and (not endings or parts[-1].lower().endswith(endings))


def local_copy(place: Place) -> Path:
    """A path of this machine with the content of `place`: its own, or a copy that all processes of
    the machine share, as long as the file there is the same one. Copies that nobody has wanted for
    days make room.
    """
    if place.is_local:
        return place.path()
    folder = Path(tempfile.gettempdir()) / f"{_COPIES}-{os.getuid()}"
    (file,) = files_below(place.uri, ())
    name = hashlib.sha256(msgspec.json.encode(file)).hexdigest()
    copy = folder / f"{name}{Path(place.name).suffix}"
    if copy.exists():
        copy.touch()
        return copy
    folder.mkdir(mode=0o700, exist_ok=True)
    _make_room(folder)
    partial = folder / f"{copy.name}.{os.getpid()}{_PARTIAL}"
    partial.write_bytes(place.read())
    partial.replace(copy)
    return copy


def _make_room(folder: Path) -> None:
    """Remove old copies: whoever has mapped one keeps it."""
    for copy in folder.iterdir():
        # Another process may be first.
        with suppress(FileNotFoundError):
            if time.time() - copy.stat().st_mtime > _COPY_SECONDS:
                copy.unlink()
