"""Uploads that may be interrupted: bytes are kept as they arrive, until all have, or they expire.

An upload is two files in a private folder that survives restarts: what was announced, and what has
arrived; the size of the latter is where to go on. Where the store is sealed, so is what arrives, by
a key of the upload's own that stands beside it, wrapped by the master key in force.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from typing import TYPE_CHECKING, Final

import msgspec

from rpc.caller import current_caller
from rpc.errors import (
    ChecksumError,
    FieldError,
    FileTooLargeError,
    UploadBusyError,
    UploadIncompleteError,
    UploadNotFoundError,
    UploadOffsetError,
)
from rpc.limits import FILE_BYTES_MAX, UPLOAD_SECONDS_KEPT
from rpc.sealed_files import Tail, append_sealed, sealed_tail, write_unsealed
from store.errors import KeyMissingError, RequestIdReusedError
from store.key_ring import new_data_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from store.key_ring import KeyRing

__all__ = ["Upload", "Uploads"]

_ID: Final = re.compile(r"[0-9a-f]{32}")
_READ_BYTES: Final = 1 << 20


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What was announced, by whom."""

    upload_id: str
    tenant: str
    caller: str
    file_name: str
    size_bytes: int
    sha256: str


class _Announced(msgspec.Struct, frozen=True):
    """The file beside what has arrived. Without a master key what arrives is not sealed."""

    upload: Upload
    master_key: str = ""
    wrapped: bytes = b""


class Uploads:
    """The uploads of all tenants, each its caller's own."""

    def __init__(
        self, folder: Path, now_ms: Callable[[], int], ring: KeyRing | None = None
    ) -> None:
        """Keep them in `folder`, sealed by `ring` where there is one.

        `now_ms` is the clock by which they expire. Keys that an older master key wraps are wrapped
        anew, so that it may leave the key file.
        """
        self._folder = folder
        self._now_ms = now_ms
        self._ring = ring
        self._writing: set[str] = set()
        self._tails: dict[str, Tail] = {}
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if ring is not None:
            self._rewrap(ring)

    def begin(self, request_id: str, file_name: str, size_bytes: int, sha256: str) -> Upload:
        """A new upload, or that of the same request; raises `RequestIdReusedError`."""
        self.expire()
        if not 0 < size_bytes <= FILE_BYTES_MAX:
            message = f"size_bytes is {size_bytes}, expected 1 to {FILE_BYTES_MAX}"
            raise FileTooLargeError(message, bytes_max=str(FILE_BYTES_MAX))
        if re.fullmatch("[0-9a-f]{64}", sha256) is None:
            message = f"sha256 is {sha256!r}, expected 64 hexadecimal digits in lower case"
            raise FieldError(message, field="sha256", value=sha256)
        caller = current_caller()
        own = msgspec.json.encode([caller.tenant, caller.name, request_id])
        upload_id = hashlib.sha256(own).hexdigest()[:32] if request_id else uuid.uuid4().hex
        upload = Upload(
            upload_id=upload_id,
            tenant=caller.tenant,
            caller=caller.name,
            file_name=file_name,
            size_bytes=size_bytes,
            sha256=sha256,
        )
        if self._announced(upload_id).exists():
            found = self.find(upload_id)
            if found != upload:
                first = ("BankFileService/BeginUpload", found.sha256)
                raise RequestIdReusedError.of(request_id, first, (first[0], sha256))
            return found
        self._arrived(upload_id).touch()
        announced = _Announced(upload)
        if self._ring is not None:
            announced = _Announced(upload, *self._ring.wrap(new_data_key(), _purpose(upload_id)))
        self._announce(announced)
        return upload

    def find(self, upload_id: str) -> Upload:
        """The caller's upload of that id; raises `UploadNotFoundError`."""
        caller = current_caller()
        known = _ID.fullmatch(upload_id) is not None and self._announced(upload_id).exists()
        if known:
            upload = self._read(upload_id).upload
            if (upload.tenant, upload.caller) == (caller.tenant, caller.name):
                return upload
        message = f"no upload {upload_id!r} of yours is on its way; begin it anew"
        raise UploadNotFoundError(message, upload_id=upload_id)

    def received_bytes(self, upload: Upload) -> int:
        """How much has arrived."""
        if self._read(upload.upload_id).master_key:
            return self._tail(upload).size_bytes
        return self._arrived(upload.upload_id).stat().st_size

    def expires_at_ms(self, upload: Upload) -> int:
        """When it is forgotten."""
        arrived = self._arrived(upload.upload_id).stat().st_mtime_ns // 1_000_000
        return arrived + UPLOAD_SECONDS_KEPT * 1_000

    def hold(self, upload: Upload, offset: int) -> None:
        """Begin to add to it at `offset`; raises `UploadBusyError` or `UploadOffsetError`."""
        if upload.upload_id in self._writing:
            message = f"upload {upload.upload_id} is being added to by another call"
            raise UploadBusyError(message, upload_id=upload.upload_id)
        received = self.received_bytes(upload)
        if offset != received:
            message = f"offset is {offset}, {received} bytes have arrived; go on from there"
            raise UploadOffsetError(
                message, upload_id=upload.upload_id, received_bytes=str(received)
            )
        self._writing.add(upload.upload_id)

    def add(self, upload: Upload, chunk: bytes) -> None:
        """Add the next bytes; raises `FileTooLargeError` beyond what was announced."""
        path, key = self._arrived(upload.upload_id), self._key(upload)
        if self.received_bytes(upload) + len(chunk) > upload.size_bytes:
            message = f"more than the {upload.size_bytes} bytes announced have come"
            raise FileTooLargeError(message, bytes_max=str(upload.size_bytes))
        if key:
            tail = append_sealed(path, chunk, key, self._tail(upload))
            self._tails[upload.upload_id] = tail
            return
        with path.open("ab") as file:
            file.write(chunk)

    def let_go(self, upload: Upload) -> None:
        """Nobody adds to it any more."""
        self._writing.discard(upload.upload_id)

    def complete(self, upload: Upload, opened: Path) -> Path:
        """Where its content is: `opened`, made for whoever reads it, where it is kept sealed.

        Raises `UploadIncompleteError` or `ChecksumError`.
        """
        received = self.received_bytes(upload)
        if received != upload.size_bytes or upload.upload_id in self._writing:
            message = f"{received} of {upload.size_bytes} bytes have arrived; send the rest first"
            raise UploadIncompleteError(
                message, upload_id=upload.upload_id, received_bytes=str(received)
            )
        path, key = self._arrived(upload.upload_id), self._key(upload)
        if key:
            write_unsealed(path, opened, key)
            path = opened
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_READ_BYTES):
                digest.update(chunk)
        if digest.hexdigest() != upload.sha256:
            self.remove(upload)
            message = f"sha256 is {upload.sha256}, the content that came has {digest.hexdigest()}"
            raise ChecksumError(message, field="sha256")
        return path

    def remove(self, upload: Upload) -> None:
        """Forget it."""
        self._tails.pop(upload.upload_id, None)
        self._announced(upload.upload_id).unlink(missing_ok=True)
        self._arrived(upload.upload_id).unlink(missing_ok=True)

    def expire(self) -> int:
        """Forget uploads that nothing was added to for too long, and give how many."""
        before_ns = (self._now_ms() - UPLOAD_SECONDS_KEPT * 1_000) * 1_000_000
        old = [
            path
            for path in self._folder.glob("*.part")
            if path.stem not in self._writing and path.stat().st_mtime_ns < before_ns
        ]
        for path in old:
            path.unlink(missing_ok=True)
            self._announced(path.stem).unlink(missing_ok=True)
            self._tails.pop(path.stem, None)
        return len(old)

    def _key(self, upload: Upload) -> bytes:
        """What the upload is sealed by, empty where it is not; raises `KeyMissingError`."""
        announced = self._read(upload.upload_id)
        if not announced.master_key:
            return b""
        if self._ring is None:
            message = "this upload is sealed, and no key file is configured; begin it anew"
            raise KeyMissingError(message, key=announced.master_key)
        purpose = _purpose(upload.upload_id)
        return self._ring.unwrap(announced.master_key, announced.wrapped, purpose)

    def _tail(self, upload: Upload) -> Tail:
        """Where it goes on: looked up once, this server alone adds to it."""
        if upload.upload_id not in self._tails:
            self._tails[upload.upload_id] = sealed_tail(self._arrived(upload.upload_id))
        return self._tails[upload.upload_id]

    def _rewrap(self, ring: KeyRing) -> None:
        for path in self._folder.glob("*.json"):
            announced = self._read(path.stem)
            if announced.master_key not in ("", ring.current.name):
                purpose = _purpose(path.stem)
                key = ring.unwrap(announced.master_key, announced.wrapped, purpose)
                self._announce(_Announced(announced.upload, *ring.wrap(key, purpose)))

    def _read(self, upload_id: str) -> _Announced:
        content = self._announced(upload_id).read_bytes()
        return msgspec.json.decode(content, type=_Announced)

    def _announce(self, announced: _Announced) -> None:
        upload_id = announced.upload.upload_id
        partial = self._folder / f"{upload_id}.new"
        partial.write_bytes(msgspec.json.encode(announced))
        partial.replace(self._announced(upload_id))

    def _announced(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.json"

    def _arrived(self, upload_id: str) -> Path:
        return self._folder / f"{upload_id}.part"


def _purpose(upload_id: str) -> str:
    return f"tieout upload {upload_id}"
