"""Bank files as they were given: unpacked, known by their content, not read yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import msgspec

from parsers.byte_source import ByteSource, content_hash
from tieout.sources import open_sources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["GivenFile", "InputFile", "RefusedFile", "given_files", "input_file"]


class InputFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that was given. `content_hash` of a table ignores row order and unknown columns.

    `state`: `read`, `repeated` (the same content was given under another name) or `refused`.
    """

    role: str
    source_file: str
    content_hash: str
    rows: int
    format: str = ""
    state: str = "read"


class RefusedFile(msgspec.Struct, frozen=True):
    """A file that is no bank file, and the sentence that says so."""

    source_file: str
    message: str


class GivenFile(msgspec.Struct, frozen=True):
    """A file that was given, unpacked: its hash, its name without folder, its bytes.

    What cannot be unpacked has the sentence that says why in place of bytes.
    """

    file_hash: str
    source_file: str
    source: ByteSource | None
    error: str = ""


def given_files(names: Sequence[str | Path], stdin: BinaryIO | None = None) -> list[GivenFile]:
    """The files `names` (`-` reads `stdin`), archives unpacked, in the order of their hashes.

    Raises `FileNotFoundError`. What a file is does not depend on the folder it lies in.
    """
    found = []
    for name in names:
        for member in open_sources(name, stdin):
            if member.source is None:
                found.append(GivenFile("", member.name, None, str(member.error)))
            else:
                found.append(GivenFile(content_hash(member.source), member.name, member.source))
    return sorted(found, key=lambda file: (file.file_hash, file.source_file))


def input_file(
    source_file: str, file_hash: str, rows: int, *, file_format: str = "", state: str = "read"
) -> InputFile:
    """What a summary says of a bank file that was given."""
    return InputFile(
        role="bank_file",
        source_file=source_file,
        content_hash=file_hash,
        rows=rows,
        format=file_format,
        state=state,
    )
