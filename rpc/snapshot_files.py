"""What is resident as files: written once, mapped by every worker, never copied, never changed.

A file holds arrays, each at a multiple of 64 bytes, and behind them a description (msgpack). The
description of a later version names the arrays of earlier files that are still as they were: after
a few changes little is written. A class stands in the description by its name; only those of
`_CLASSES` can be read.
"""

from __future__ import annotations

import hashlib
import math
import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine import batches
from engine.accident import AmountHabits
from engine.customer_directory import CustomerDirectory, Relations
from engine.due_habits import DueDays
from engine.identify import CustomerNumbers, OurAccounts
from engine.key_table import KeyTable, Pairs
from engine.name_evidence import NameBook, NearNames
from engine.name_search import NameIndex
from engine.names import NormalNames
from engine.open_item_index import Amounts, Endings, OpenItemIndex
from engine.outcomes import Outcomes
from engine.owner_table import HashedOwners, OwnerTable
from engine.payer_names import KnownNames
from engine.policy import PolicyBook
from engine.policy_table import CustomerRules
from engine.readings import NumberShape
from engine.reference_keys import ReferenceKeys
from engine.resident import Resident
from rpc.errors import SnapshotError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["FILES_MAX", "OpenSnapshot", "WrittenSnapshot", "open_snapshot", "write_snapshot"]

FILES_MAX: Final = 8
"""Files a snapshot may consist of; the next one is written whole."""

_TAIL: Final = struct.Struct("<Q8s")
_MAGIC: Final = b"TIEOUT05"
_ALIGNMENT: Final = 64

_CLASSES: Final[dict[str, type[Any]]] = {
    one.__name__: one
    for one in (
        Amounts,
        AmountHabits,
        CustomerDirectory,
        CustomerNumbers,
        CustomerRules,
        DueDays,
        Endings,
        HashedOwners,
        KeyTable,
        KnownNames,
        NameBook,
        NameIndex,
        NearNames,
        NormalNames,
        NumberShape,
        OpenItemIndex,
        OurAccounts,
        OwnerTable,
        Pairs,
        ReferenceKeys,
        Relations,
        Resident,
    )
}
_BATCHES: Final = {one.__name__: one for one in (batches.OpenItemBatch, batches.BankAccountBatch)}


class _Array(msgspec.Struct, frozen=True, tag="array"):
    """A numpy array: how its bytes are read, and where they stand."""

    dtype: str
    file: str
    offset: int
    shape: list[int]


class _Column(msgspec.Struct, frozen=True, tag="column"):
    """A single column as an Arrow IPC stream."""

    file: str
    offset: int
    size: int


class _Batch(msgspec.Struct, frozen=True, tag="batch"):
    """A batch of the class called `kind`, column by column."""

    kind: str
    columns: list[_Column]


class _Record(msgspec.Struct, frozen=True, tag="record"):
    """A struct of the class called `kind`, field by field."""

    kind: str
    fields: dict[str, _Node]


class _Sequence(msgspec.Struct, frozen=True, tag="sequence"):
    """A tuple of structs."""

    values: list[_Node]


class _Rules(msgspec.Struct, frozen=True, tag="rules"):
    """The policy, or what outcomes have taught."""

    book: PolicyBook | None = None
    outcomes: Outcomes | None = None

    @classmethod
    def of(cls, value: PolicyBook | Outcomes) -> _Rules:
        """`value`, in the field of its kind."""
        return cls(book=value) if isinstance(value, PolicyBook) else cls(outcomes=value)


class _Plain(msgspec.Struct, frozen=True, tag="plain"):
    """A number, a text, texts, nothing."""

    value: int | str | list[str] | None


_Node = _Array | _Column | _Batch | _Record | _Sequence | _Rules | _Plain

_Origin = tuple[Any, ...]
"""Where in memory an array stands, and what it is: a mapped one is known by it."""


class _Root(msgspec.Struct, frozen=True):
    """The description of a snapshot; `facts` are the writer's own."""

    resident: _Node
    facts: msgspec.Raw


class OpenSnapshot(msgspec.Struct, frozen=True):
    """A mapped snapshot: what is in it, what its writer said of it, and its files by name."""

    resident: Resident
    facts: bytes
    files: tuple[str, ...]
    origins: dict[_Origin, _Array | _Column]


class WrittenSnapshot(msgspec.Struct, frozen=True):
    """What was written: the files the snapshot consists of, bytes and hash of its own one."""

    files: tuple[str, ...]
    size_bytes: int
    sha256: str


class _Writer:
    """Lays the bytes of values out one after the other and describes them."""

    def __init__(self, file: BinaryIO, name: str, known: dict[_Origin, _Array | _Column]) -> None:
        self._file = file
        self._name = name
        self._known = dict(known)
        self._hash = hashlib.sha256()
        self.size = 0
        self.files = {name}

    def node(self, value: Any) -> _Node:
        """The description of `value`."""
        if isinstance(value, np.ndarray | pa.Array):
            return self._rows(value)
        match value:
            case batches.Batch():
                columns = [self._rows(one) for one in value.record_batch.columns]
                return _Batch(type(value).__name__, columns)  # type: ignore[arg-type]  # of columns
            case PolicyBook() | Outcomes():
                return _Rules.of(value)
            case msgspec.Struct():
                names = value.__struct_fields__
                fields = {name: self.node(getattr(value, name)) for name in names}
                return _Record(type(value).__name__, fields)
            case tuple():
                return _Sequence([self.node(one) for one in value])
            case _:
                return _Plain(value)

    def finish(self, root: _Root) -> str:
        """Write the description; gives the hash of the file."""
        self._put(msgspec.msgpack.encode(root))
        self._append(_TAIL.pack(self.size - len(msgspec.msgpack.encode(root)), _MAGIC))
        return self._hash.hexdigest()

    def _rows(self, value: Any) -> _Array | _Column:
        origin = _origin(value)
        known = self._known.get(origin)
        if known is None:
            known = self._known[origin] = self._written(value)
        self.files.add(known.file)
        return known

    def _written(self, value: Any) -> _Array | _Column:
        if isinstance(value, np.ndarray):
            array = np.ascontiguousarray(value)
            place = self._put(array.reshape(-1).view(np.uint8))
            return _Array(array.dtype.str, self._name, place, list(array.shape))
        sink = pa.BufferOutputStream()
        batch = pa.RecordBatch.from_arrays([value], ["column"])
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue()
        return _Column(self._name, self._put(content), content.size)

    def _put(self, content: Any) -> int:
        self._append(bytes(-self.size % _ALIGNMENT))
        offset = self.size
        self._append(content)
        return offset

    def _append(self, content: Any) -> None:
        self._hash.update(content)
        self._file.write(content)
        self.size += len(content)


def _origin(value: Any) -> _Origin:
    if isinstance(value, np.ndarray):
        address = value.__array_interface__["data"][0]
        return address, value.nbytes, value.dtype.str, value.strides, value.shape
    places = [buffer.address if buffer else 0 for buffer in value.buffers()]
    return *places, value.offset, len(value), str(value.type)


def write_snapshot(
    resident: Resident, path: Path, facts: bytes = b"\xc0", base: OpenSnapshot | None = None
) -> WrittenSnapshot:
    """Write `resident` to `path`: all of it is there, or nothing.

    Arrays that are those of `base`, of the same folder, stay where they are. `facts` are msgpack.
    """
    draft = path.with_suffix(".draft")
    known = base.origins if base and _is_worth_it(resident, base, path.parent) else {}
    with draft.open("wb") as file:
        writer = _Writer(file, path.name, known)
        root = _Root(writer.node(resident), msgspec.Raw(facts))
        sha256 = writer.finish(root)
    draft.rename(path)
    return WrittenSnapshot(tuple(sorted(writer.files)), writer.size, sha256)


def _is_worth_it(resident: Resident, base: OpenSnapshot, folder: Path) -> bool:
    """Whether few files would stay, and half of them in use at least."""
    used: dict[tuple[str, int], int] = {}
    for value in _arrays(resident):
        node = base.origins.get(_origin(value))
        if node is not None:
            used[node.file, node.offset] = int(value.nbytes)
    there = sum((folder / name).stat().st_size for name in base.files)
    return len(base.files) < FILES_MAX and sum(used.values()) * 2 >= there


def _arrays(value: Any) -> Iterator[Any]:
    """Every array and column in `value`."""
    match value:
        case np.ndarray() | pa.Array():
            yield value
        case batches.Batch():
            yield from value.record_batch.columns
        case msgspec.Struct() if not isinstance(value, PolicyBook | Outcomes):
            for name in value.__struct_fields__:
                yield from _arrays(getattr(value, name))
        case tuple():
            for one in value:
                yield from _arrays(one)


def open_snapshot(path: Path) -> OpenSnapshot:
    """Map what `write_snapshot` wrote; raises `SnapshotError` where the file is something else."""
    files = _Files(path.parent)
    try:
        content = files.content(path.name)
        root = msgspec.msgpack.decode(_description(content), type=_Root)
        resident = files.value(root.resident)
    except (msgspec.DecodeError, struct.error, KeyError, TypeError, ValueError, OSError) as error:
        message = f"{path.name} is no snapshot of open items of this release: {error}"
        raise SnapshotError(message, file=path.name) from error
    assert isinstance(resident, Resident)  # noqa: S101 - the magic names what is inside
    names = tuple(sorted(files.mapped))
    return OpenSnapshot(resident, bytes(root.facts), names, files.origins)


def _description(content: pa.Buffer) -> bytes:
    end = len(content) - _TAIL.size
    start, magic = _TAIL.unpack(content.slice(max(end, 0)).to_pybytes())
    if magic != _MAGIC:
        message = f"it ends with {magic!r}"
        raise ValueError(message)
    description: bytes = content.slice(start, end - start).to_pybytes()
    return description


class _Files:
    """Mapped files of one folder, and what was read of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.mapped: dict[str, pa.Buffer] = {}
        self.origins: dict[_Origin, _Array | _Column] = {}

    def content(self, name: str) -> pa.Buffer:
        """All bytes of a file."""
        if Path(name).name != name:
            message = f"{name!r} is no file of the folder"
            raise ValueError(message)
        if name not in self.mapped:
            with (self._folder / name).open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            self.mapped[name] = pa.py_buffer(mapped)
        return self.mapped[name]

    def value(self, node: _Node) -> Any:
        """What `node` describes."""
        if isinstance(node, _Array | _Column):
            return self._rows(node)
        match node:
            case _Batch(kind=kind, columns=columns):
                batch_class = _BATCHES[kind]
                arrays = [self._rows(one) for one in columns]
                rows = pa.RecordBatch.from_arrays(arrays, schema=batch_class.SCHEMA)
                return batch_class.of_distinct(rows)
            case _Record(kind=kind, fields=fields):
                values = {name: self.value(one) for name, one in fields.items()}
                return _CLASSES[kind](**values)
            case _Sequence(values=several):
                return tuple(self.value(one) for one in several)
            case _Rules(book=book, outcomes=outcomes):
                return book or outcomes
            case _:
                return node.value

    def _rows(self, node: _Array | _Column) -> Any:
        value: Any
        if isinstance(node, _Column):
            content = self.content(node.file).slice(node.offset, node.size)
            with pa.ipc.open_stream(content) as reader:
                value = reader.read_next_batch().column(0)
        else:
            count = math.prod(node.shape)
            if not count:
                return np.empty(node.shape, dtype=node.dtype)
            flat: NDArray[Any] = np.frombuffer(
                self.content(node.file), dtype=node.dtype, count=count, offset=node.offset
            )
            value = flat.reshape(node.shape)
        self.origins[_origin(value)] = node
        return value
