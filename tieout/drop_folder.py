"""A folder that files are dropped into: which of them are whole, who takes them, where they go.

Every step is one rename within one file system, so that a process that is killed at any moment
leaves each file in exactly one place, and the next one goes on from there. Nothing is deleted.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
import uuid
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final

import msgspec

from tieout.exit_codes import DropFolderBusyError, DropFolderError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Claim", "DropFolder", "FolderRules"]

_UNFINISHED: Final = ("*.tmp", "*.part", "*.partial", "*.filepart", "*.crdownload", "*~")
_TRIGGERS: Final = (".done", ".ok")
_CHECKSUM: Final = ".sha256"
_CLAIMED: Final = ".claimed"
_READ_BYTES: Final = 1 << 20


class FolderRules(msgspec.Struct, frozen=True, kw_only=True):
    """Which files are taken: by `patterns`, once their size has not changed for `settle_seconds`.

    A file beside it named as the file and `.done`, `.ok` or `.sha256` says that it is whole; with
    `needs_trigger` nothing else does.
    """

    patterns: tuple[str, ...] = ("*",)
    settle_seconds: float = 10.0
    needs_trigger: bool = False


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was taken: `claim_id` is the same however often it is tried."""

    claim_id: str
    path: Path

    @property
    def name(self) -> str:
        """Its name, as it was dropped."""
        return self.path.name


class DropFolder:
    """The folder, and the ones beside it for what is done and what went wrong."""

    def __init__(
        self,
        folder: Path,
        done: Path,
        error: Path,
        rules: FolderRules,
        now: Callable[[], float],
    ) -> None:
        """Take files out of `folder`; `now` is a clock in seconds.

        Raises `DropFolderError` where the folders are not on one file system, and
        `DropFolderBusyError` where another process watches the folder.
        """
        self._folder = folder
        self._claimed = folder / _CLAIMED
        self.done = done
        self.error = error
        self._rules = rules
        self._now = now
        self._seen: dict[str, tuple[tuple[int, int, int], float]] = {}
        for one in (self._claimed, done, error):
            one.mkdir(parents=True, exist_ok=True)
            if one.stat().st_dev != folder.stat().st_dev:
                message = f"{one} is on another file system than {folder}; files are moved by name"
                raise DropFolderError(message)
        self._lock = (self._claimed / "lock").open("w")
        try:
            fcntl.lockf(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error_:
            self._lock.close()
            message = f"another process watches {folder}"
            raise DropFolderBusyError(message) from error_
        self._forget_empty_claims()

    def close(self) -> None:
        """Let another process watch the folder."""
        self._lock.close()

    def claims(self) -> list[Claim]:
        """Files that were taken and are not filed yet, also by a process that is gone."""
        return sorted(
            (
                Claim(claim_id=folder.name, path=path)
                for folder in self._claimed.iterdir()
                if folder.is_dir()
                for path in folder.iterdir()
            ),
            key=lambda one: (one.name, one.claim_id),
        )

    def take(self) -> list[Claim]:
        """Take every file that is whole now."""
        ready = [path for path in self._candidates() if self._is_whole(path)]
        return [claim for path in ready if (claim := self._claim(path)) is not None]

    def waiting(self) -> list[str]:
        """Names of files that are there and may become whole; those that stay empty do not."""
        return [path.name for path in self._candidates() if not self._stays_empty(path.name)]

    def empty(self) -> list[str]:
        """Names of files that have been empty for as long as others need to be whole."""
        return [path.name for path in self._candidates() if self._stays_empty(path.name)]

    def mismatch(self, claim: Claim) -> str:
        """What is wrong by the checksum that came with the file; empty where nothing is."""
        beside = self._folder / f"{claim.name}{_CHECKSUM}"
        if not beside.is_file():
            return ""
        declared = beside.read_text("utf-8", "replace").split()[:1]
        digest = hashlib.sha256()
        with claim.path.open("rb") as content:
            while chunk := content.read(_READ_BYTES):
                digest.update(chunk)
        if declared and declared[0].lower() == digest.hexdigest():
            return ""
        return f"{beside.name} declares {(declared or ['nothing'])[0]}, the file has " + (
            digest.hexdigest()
        )

    def file(self, claim: Claim, target: Path, acknowledgement: bytes, suffix: str) -> Path:
        """Write the acknowledgement, then move the file into `target`; gives the former's path.

        Killed in between, it is done again: the acknowledgement is the same.
        """
        name = self._free_name(target, claim, suffix)
        written = target / f"{name}{suffix}"
        partial = target / f".{name}.{claim.claim_id}.tmp"
        with partial.open("wb") as file:
            file.write(acknowledgement)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(written)
        _sync(target)
        for trigger in (*_TRIGGERS, _CHECKSUM):
            beside = self._folder / f"{claim.name}{trigger}"
            if beside.is_file():
                beside.replace(target / f"{name}{trigger}")
        claim.path.rename(target / name)
        _sync(target)
        claim.path.parent.rmdir()
        return written

    def _forget_empty_claims(self) -> None:
        """Clear away what a process left that was killed just before it took a file, or just after
        it had filed one.
        """
        for own in self._claimed.iterdir():
            if own.is_dir() and not any(own.iterdir()):
                own.rmdir()

    def _free_name(self, target: Path, claim: Claim, suffix: str) -> str:
        """The file's own name, or with a number where another one of that name was filed before."""
        number = 1
        while True:
            name = claim.name if number == 1 else f"{claim.name}.{number}"
            ours = (target / f"{name}{suffix}").exists() and claim.claim_id.encode() in (
                target / f"{name}{suffix}"
            ).read_bytes()
            if not (target / name).exists() and (ours or not (target / f"{name}{suffix}").exists()):
                return name
            number += 1

    def _candidates(self) -> Iterator[Path]:
        """Files that could be bank files, the oldest first."""
        found = []
        for entry in os.scandir(self._folder):
            if entry.name.startswith(".") or entry.name.endswith((*_TRIGGERS, _CHECKSUM)):
                continue
            if any(fnmatch(entry.name.lower(), one) for one in _UNFINISHED):
                continue
            if not any(fnmatch(entry.name, one) for one in self._rules.patterns):
                continue
            if entry.is_file(follow_symlinks=False):
                found.append((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name))
        self._seen = {name: self._seen[name] for _, name in found if name in self._seen}
        yield from (self._folder / name for _, name in sorted(found))

    def _is_whole(self, path: Path) -> bool:
        if any((path.parent / f"{path.name}{one}").exists() for one in (*_TRIGGERS, _CHECKSUM)):
            return True
        if self._rules.needs_trigger:
            return False
        try:
            status = path.stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        shape = (status.st_size, status.st_mtime_ns, status.st_ino)
        known, since = self._seen.get(path.name, (None, 0.0))
        if known != shape:
            self._seen[path.name] = (shape, self._now())
            return status.st_size > 0 and not self._rules.settle_seconds
        return status.st_size > 0 and self._now() - since >= self._rules.settle_seconds

    def _stays_empty(self, name: str) -> bool:
        known, since = self._seen.get(name, (None, 0.0))
        is_empty = known is not None and known[0] == 0
        return is_empty and self._now() - since >= self._rules.settle_seconds

    def _claim(self, path: Path) -> Claim | None:
        """Take a file; None where somebody was faster."""
        own = self._claimed / uuid.uuid4().hex
        own.mkdir()
        try:
            path.rename(own / path.name)
        except FileNotFoundError:
            own.rmdir()
            return None
        _sync(self._claimed)
        return Claim(claim_id=own.name, path=own / path.name)


def _sync(folder: Path) -> None:
    """See a folder's names on disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
