"""What is resident as one file: written once, mapped by every worker, never copied.

The file begins with a description (msgpack) and holds every array behind it, each at a multiple of
64 bytes. A class stands in the description by its name; only those of `_CLASSES` can be read.
"""

from __future__ import annotations

import math
import mmap
import os
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import numpy as np
import pyarrow as pa

from engine import batches
from engine.accident import AmountHabits
from engine.customer_directory import CustomerDirectory, Relations
from engine.due_habits import DueDays
from engine.identify import CustomerNumbers, OurAccounts
from engine.key_table import KeyTable
from engine.name_evidence import NameBook, NearNames
from engine.name_search import NameIndex
from engine.names import NormalNames
from engine.open_item_index import Amounts, Endings, OpenItemIndex
from engine.owner_table import HashedOwners, OwnerTable
from engine.payer_names import KnownNames
from engine.policy import PolicyBook
from engine.policy_table import CustomerRules
from engine.readings import NumberShape
from engine.reference_keys import ReferenceKeys
from engine.resident import Resident
from rpc.errors import SnapshotError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["read_snapshot", "write_snapshot"]

_HEAD: Final = struct.Struct("<8sQ")
_MAGIC: Final = b"TIEOUT01"
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
        ReferenceKeys,
        Relations,
        Resident,
    )
}
_BATCHES: Final = {one.__name__: one for one in (batches.OpenItemBatch, batches.BankAccountBatch)}


class _Array(msgspec.Struct, frozen=True, tag="array"):
    """A numpy array: how its bytes are read, and where they stand."""

    dtype: str
    offset: int
    shape: list[int]


class _Table(msgspec.Struct, frozen=True, tag="table"):
    """An Arrow IPC stream; `kind` is the batch it holds, empty for a single column."""

    kind: str
    offset: int
    size: int


class _Record(msgspec.Struct, frozen=True, tag="record"):
    """A struct of the class called `kind`, field by field."""

    kind: str
    fields: dict[str, _Node]


class _Sequence(msgspec.Struct, frozen=True, tag="sequence"):
    """A tuple of structs."""

    values: list[_Node]


class _Policy(msgspec.Struct, frozen=True, tag="policy"):
    """The policy."""

    book: PolicyBook


class _Plain(msgspec.Struct, frozen=True, tag="plain"):
    """A number, a text, texts, nothing."""

    value: int | str | list[str] | None


_Node = _Array | _Table | _Record | _Sequence | _Policy | _Plain


class _Writer:
    """Describes values and lays their bytes out one after the other."""

    def __init__(self) -> None:
        self.parts: list[tuple[int, Any]] = []
        self.size = 0

    def node(self, value: Any) -> _Node:
        """The description of `value`."""
        if isinstance(value, np.ndarray | batches.Batch | pa.Array):
            return self._rows(value)
        match value:
            case PolicyBook():
                return _Policy(value)
            case msgspec.Struct():
                names = value.__struct_fields__
                fields = {name: self.node(getattr(value, name)) for name in names}
                return _Record(type(value).__name__, fields)
            case tuple():
                return _Sequence([self.node(one) for one in value])
            case _:
                return _Plain(value)

    def _rows(self, value: Any) -> _Node:
        match value:
            case np.ndarray():
                array = np.ascontiguousarray(value)
                content = array.reshape(-1).view(np.uint8)
                place = self._place(content, array.nbytes)
                return _Array(array.dtype.str, place, list(array.shape))
            case batches.Batch():
                return self._table(type(value).__name__, value.record_batch)
            case _:
                return self._table("", pa.RecordBatch.from_arrays([value], ["column"]))

    def _table(self, kind: str, batch: pa.RecordBatch) -> _Table:
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content = sink.getvalue()
        return _Table(kind, self._place(content, content.size), content.size)

    def _place(self, content: Any, size: int) -> int:
        offset = self.size
        self.parts.append((offset, content))
        self.size = -(-(offset + size) // _ALIGNMENT) * _ALIGNMENT
        return offset


def write_snapshot(resident: Resident, path: Path) -> None:
    """Write `resident` to `path`: all of it is there, or nothing."""
    writer = _Writer()
    description = msgspec.msgpack.encode(writer.node(resident))
    start = -(-(_HEAD.size + len(description)) // _ALIGNMENT) * _ALIGNMENT
    draft = path.with_suffix(".draft")
    with draft.open("wb") as file:
        file.write(_HEAD.pack(_MAGIC, len(description)))
        file.write(description)
        for offset, content in writer.parts:
            _pad(file, start + offset)
            file.write(content)
        _pad(file, start + writer.size)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def _pad(file: BinaryIO, offset: int) -> None:
    file.write(bytes(offset - file.tell()))


def read_snapshot(path: Path) -> Resident:
    """Map what `write_snapshot` wrote; raises `SnapshotError` where the file is something else."""
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[:8] != _MAGIC:
            message = f"{path.name} is no snapshot of open items of this release"
            raise SnapshotError(message, file=path.name)
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    size = _HEAD.unpack(head)[1]
    try:
        node = msgspec.msgpack.decode(mapped[_HEAD.size : _HEAD.size + size], type=_Node)
        start = -(-(_HEAD.size + size) // _ALIGNMENT) * _ALIGNMENT
        resident = _value(node, pa.py_buffer(mapped), start)
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
        message = f"{path.name} cannot be read as a snapshot of open items: {error}"
        raise SnapshotError(message, file=path.name) from error
    assert isinstance(resident, Resident)  # noqa: S101 - the magic names what is inside
    return resident


def _value(node: _Node, content: pa.Buffer, start: int) -> Any:
    if isinstance(node, _Array | _Table):
        return _mapped(node, content, start)
    match node:
        case _Record(kind=kind, fields=fields):
            values = {name: _value(one, content, start) for name, one in fields.items()}
            return _CLASSES[kind](**values)
        case _Sequence(values=several):
            return tuple(_value(one, content, start) for one in several)
        case _Policy(book=book):
            return book
        case _:
            return node.value


def _mapped(node: _Array | _Table, content: pa.Buffer, start: int) -> Any:
    if isinstance(node, _Table):
        batch = _read_batch(content.slice(start + node.offset, node.size))
        return _BATCHES[node.kind].of_distinct(batch) if node.kind else batch.column(0)
    count = math.prod(node.shape)
    if not count:
        return np.empty(node.shape, dtype=node.dtype)
    flat: NDArray[Any] = np.frombuffer(
        content, dtype=node.dtype, count=count, offset=start + node.offset
    )
    return flat.reshape(node.shape)


def _read_batch(content: pa.Buffer) -> pa.RecordBatch:
    with pa.ipc.open_stream(content) as reader:
        return reader.read_next_batch()
