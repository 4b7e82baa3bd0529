"""Batches: frozen classes around exactly one `pa.RecordBatch`, checked once, viewed as numpy.

A batch is built by `.of()` (a record batch with the schema) or `.from_columns()` (columns by name;
what is missing gets the schema's empty value). Both check names, types and nulls once, so that code
behind them need not. `int64(name)` and `days(name)` are numpy views, `text(name)` an Arrow array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Self, cast

import numpy as np
import pyarrow as pa

from engine import arrow_functions as arrow
from engine import schemas
from engine.errors import DuplicateKeyError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = [
    "ADVICE_SCALE",
    "NO_DATE",
    "AdviceBatch",
    "ApplicationBatch",
    "BankAccountBatch",
    "Batch",
    "ControlCheckBatch",
    "CustomerBatch",
    "DiagnosticBatch",
    "ExceptionBatch",
    "LearnedFactBatch",
    "OpenItemBatch",
    "PayerBatch",
    "PaymentBatch",
    "PaymentOutcomeBatch",
    "RemittanceBatch",
    "ReversalBatch",
    "SettledBatch",
]

NO_DATE: Final = np.iinfo(np.int32).min
"""`days()` of a null date: earlier than every date."""

ADVICE_SCALE: Final = 4
"""Decimal places of the amounts of an `AdviceBatch`, whatever their currency."""

_ROWS_READY: Final = 256
"""Rows of a column nobody gives that are made once: most batches are smaller."""


class _Field(NamedTuple):
    """A column: its type, what stands in it where nothing is given (null where it may be), and
    some rows of that.
    """

    type: pa.DataType
    empty: pa.Scalar
    some: pa.Array

    def nothing(self, rows: int) -> pa.Array:
        """So many rows where nothing is given."""
        return self.some.slice(0, rows) if rows <= _ROWS_READY else pa.repeat(self.empty, rows)


class Batch:
    """Exactly one record batch that keeps the promises of `SCHEMA`; `KEY` columns are unique."""

    SCHEMA: ClassVar[pa.Schema]
    KEY: ClassVar[tuple[str, ...]] = ()
    __slots__ = ("_record_batch",)
    _record_batch: pa.RecordBatch
    _fields: ClassVar[Mapping[str, _Field]]
    _required: ClassVar[Mapping[int, str]]
    _place: ClassVar[Mapping[str, int]]
    _empty: ClassVar[Batch | None]

    def __init_subclass__(cls) -> None:
        """Take the schema apart once: most batches are small, and each look into it costs."""
        cls._fields = {field.name: _field(field) for field in cls.SCHEMA}
        cls._place = {name: at for at, name in enumerate(cls._fields)}
        required = (name for name, field in cls._fields.items() if field.empty.is_valid)
        cls._required = {cls._place[name]: name for name in required}
        cls._empty = None

    @classmethod
    def of(cls, record_batch: pa.RecordBatch) -> Self:
        """Wrap `record_batch`; raises `SchemaError` or `DuplicateKeyError` if it breaks a rule."""
        batch = cls.of_distinct(record_batch)
        batch._check_keys()  # noqa: SLF001  # an instance of this very class
        return batch

    @classmethod
    def of_distinct(cls, record_batch: pa.RecordBatch) -> Self:
        """As `of`, by one who has made the keys and knows that they differ: those are not read."""
        if not record_batch.schema.equals(cls.SCHEMA):
            message = f"{cls.__name__} expects {cls.SCHEMA.names}, got {record_batch.schema}"
            raise SchemaError(message)
        for at, name in cls._required.items():
            nulls = record_batch.column(at).null_count
            if nulls:
                raise _nulls(cls.__name__, name, nulls)
        return cls._of_checked(record_batch)

    @classmethod
    def _of_checked(cls, record_batch: pa.RecordBatch) -> Self:
        batch = super().__new__(cls)
        object.__setattr__(batch, "_record_batch", record_batch)
        return batch

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any], row_count: int | None = None) -> Self:
        """Build from `columns` (lists, numpy or Arrow arrays); absent ones get empty values."""
        batch = cls._of_checked(cls._record_batch_of(columns, row_count))
        batch._check_keys()  # noqa: SLF001  # an instance of this very class
        return batch

    @classmethod
    def from_distinct(cls, columns: Mapping[str, Any]) -> Self:
        """As `from_columns`, by one who knows that the keys differ (`of_distinct`)."""
        return cls._of_checked(cls._record_batch_of(columns, None))

    @classmethod
    def _record_batch_of(cls, columns: Mapping[str, Any], row_count: int | None) -> pa.RecordBatch:
        """The columns as one record batch that keeps the promises of the schema, keys apart."""
        unknown = columns.keys() - cls._fields.keys()
        if unknown:
            message = f"{cls.__name__} has no columns {sorted(unknown)}"
            raise SchemaError(message)
        rows = len(next(iter(columns.values()))) if columns else (row_count or 0)
        arrays = []
        for name, field in cls._fields.items():
            values = columns.get(name)
            if values is None:
                arrays.append(field.nothing(rows))
                continue
            array = _as_array(name, field, values, rows)
            if array.null_count and field.empty.is_valid:
                raise _nulls(cls.__name__, name, array.null_count)
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, schema=cls.SCHEMA)

    @classmethod
    def nothing(cls, name: str, rows: int) -> pa.Array:
        """So many rows of column `name` where nothing is given."""
        return cls._fields[name].nothing(rows)

    @classmethod
    def empty(cls) -> Self:
        """No rows: the same batch each time."""
        if cls._empty is None:
            cls._empty = cls.from_columns({}, 0)
        return cast("Self", cls._empty)

    @classmethod
    def concat(cls, batches: Sequence[Self]) -> Self:
        """All rows of `batches`, in their order."""
        if len(batches) == 1:
            return batches[0]
        if not batches:
            return cls.empty()
        return cls.of(pa.concat_batches([batch.record_batch for batch in batches]))

    @classmethod
    def concat_distinct(cls, batches: Sequence[Self]) -> Self:
        """As `concat`, by one who knows that the keys differ (`of_distinct`)."""
        if len(batches) == 1:
            return batches[0]
        if not batches:
            return cls.empty()
        return cls.of_distinct(pa.concat_batches([batch.record_batch for batch in batches]))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse: batches are frozen."""
        message = f"{type(self).__name__} is frozen"
        raise AttributeError(message)

    def __len__(self) -> int:
        """Number of rows."""
        return int(self._record_batch.num_rows)

    def __eq__(self, other: object) -> bool:
        """Same class, same rows in the same order."""
        return type(self) is type(other) and self._record_batch.equals(other._record_batch)

    __hash__ = None  # type: ignore[assignment]  # equal batches may be large; nothing hashes them

    def __repr__(self) -> str:
        """Name and row count."""
        return f"{type(self).__name__}({len(self)} rows)"

    @property
    def record_batch(self) -> pa.RecordBatch:
        """The record batch itself."""
        return self._record_batch

    def column(self, name: str) -> pa.Array:
        """Column `name` as it is."""
        return self._record_batch.column(self._place[name])

    def text(self, name: str) -> pa.StringArray:
        """Column `name` as an Arrow string array without nulls."""
        return self.column(name)

    def strings(self, name: str) -> list[str]:
        """Column `name` as Python strings; for edges and tests, not for hot paths."""
        return self.column(name).to_pylist()  # type: ignore[no-any-return]  # strings

    def int64(self, name: str) -> NDArray[np.int64]:
        """Column `name` as int64, zero-copy; nulls become 0 (see `is_null`)."""
        column = self.column(name)
        nulls = column.null_count
        if nulls == len(column):
            return np.zeros(nulls, dtype=np.int64)
        if nulls:
            column = arrow.fill_null(column, 0)
        values: NDArray[np.int64] = column.to_numpy(zero_copy_only=False)
        return values.astype(np.int64, copy=False)

    def days(self, name: str) -> NDArray[np.int64]:
        """Date column `name` as days since 1970-01-01; `NO_DATE` where unknown."""
        column = self.column(name).view(pa.int32())
        filled = arrow.fill_null(column, NO_DATE) if column.null_count else column
        values: NDArray[np.int32] = filled.to_numpy(zero_copy_only=False)
        return values.astype(np.int64)

    def is_null(self, name: str) -> NDArray[np.bool_]:
        """True where the source did not give column `name`."""
        column = self.column(name)
        if not column.null_count:
            return np.zeros(len(column), dtype=np.bool_)
        nulls: NDArray[np.bool_] = arrow.is_null(column).to_numpy(zero_copy_only=False)
        return nulls

    def codes(self, name: str) -> tuple[NDArray[np.int64], list[str]]:
        """Column `name` as codes into its distinct values, in order of first appearance."""
        encoded = arrow.dictionary_encode(self.column(name))
        return (
            encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64),
            encoded.dictionary.to_pylist(),
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """The given rows, in the given order."""
        if len(rows) == len(self) and np.array_equal(rows, np.arange(len(rows))):
            return self
        taken = arrow.take(self._record_batch, pa.array(rows))
        # Keys that differ here differ there, unless a row is taken twice.
        once = not self.KEY or not len(rows) or int(np.bincount(rows).max()) == 1
        return self._of_checked(taken) if once else type(self).of(taken)

    def slice(self, start: int, count: int) -> Self:
        """So many rows from `start` on."""
        return self._of_checked(self._record_batch.slice(start, count))

    def keys_ascend(self) -> bool:
        """Each row's key is greater than that of the row before, column by column."""
        above = pa.array(np.zeros(max(len(self) - 1, 0), dtype=np.bool_))
        for name in reversed(self.KEY):
            column = self.column(name)
            before, after = column[:-1], column[1:]
            above = arrow.or_(
                arrow.less(before, after), arrow.and_(arrow.equal(before, after), above)
            )
        return bool(arrow.all_true(above).as_py())

    def _check_keys(self) -> None:
        if not self.KEY or len(self) < 2 or self.keys_ascend():
            return
        keys = self.key_strings()
        distinct = arrow.count_distinct(keys).as_py()
        if distinct != len(self):
            counts = arrow.value_counts(keys)
            several = arrow.greater(counts.field("counts"), 1)
            repeated = arrow.filter_rows(counts, several)[0].as_py()
            shown = " / ".join(str(repeated["values"]).split("\x1f"))
            message = (
                f"{type(self).__name__}: key {' / '.join(self.KEY)} = {shown!r} "
                f"stands {repeated['counts']} times"
            )
            raise DuplicateKeyError(message)

    def key_strings(self) -> pa.StringArray:
        """The key columns of each row joined with U+001F."""
        parts = [arrow.cast(self.column(name), pa.string()) for name in self.KEY]
        return parts[0] if len(parts) == 1 else arrow.binary_join_element_wise(*parts, "\x1f")


def _field(field: pa.Field) -> _Field:
    kind = field.type
    value = "" if pa.types.is_string(kind) else False if kind == pa.bool_() else 0
    empty = pa.scalar(None if field.nullable else value, kind)
    return _Field(kind, empty, pa.repeat(empty, _ROWS_READY))


def _nulls(batch: str, name: str, count: int) -> SchemaError:
    message = f"{batch}.{name} has {count} nulls, none allowed"
    return SchemaError(message)


def _as_array(name: str, field: _Field, values: Any, rows: int) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    is_array = isinstance(values, pa.Array)
    array = values if is_array else pa.array(values, field.type)
    if len(array) != rows:
        message = f"column {name} has {len(array)} rows, expected {rows}"
        raise SchemaError(message)
    return arrow.cast(array, field.type) if is_array and array.type != field.type else array


class PaymentBatch(Batch):
    """Payments and returns as the parsers or a payments table gave them."""

    SCHEMA = schemas.PAYMENT
    KEY = ("payment_id",)
    __slots__ = ()


class RemittanceBatch(Batch):
    """Remittance lines of payments, in the payers' order."""

    SCHEMA = schemas.REMITTANCE_LINE
    KEY = ("payment_id", "line_number")
    __slots__ = ()


class AdviceBatch(Batch):
    """Remittance advice that arrived apart from the cash."""

    SCHEMA = schemas.ADVICE_LINE
    KEY = ("file_id", "remittance_id", "advice_number", "line_number")
    __slots__ = ()


class OpenItemBatch(Batch):
    """Open items, and paid or cancelled ones kept as memory."""

    SCHEMA = schemas.OPEN_ITEM
    KEY = ("company_id", "open_item_id")
    __slots__ = ()


class CustomerBatch(Batch):
    """Customers of all companies."""

    SCHEMA = schemas.CUSTOMER
    KEY = ("company_id", "customer_id")
    __slots__ = ()


class BankAccountBatch(Batch):
    """Our own bank accounts."""

    SCHEMA = schemas.BANK_ACCOUNT
    KEY = ("bank_account", "lockbox", "currency")
    __slots__ = ()


class LearnedFactBatch(Batch):
    """What decisions taught about payers."""

    SCHEMA = schemas.LEARNED_FACT
    KEY = ("fact_id",)
    __slots__ = ()


class PayerBatch(Batch):
    """Who paid each payment, found out apart from the match."""

    SCHEMA = schemas.PAYER
    KEY = ("payment_id",)
    __slots__ = ()


class ControlCheckBatch(Batch):
    """Declared against computed totals of bank files."""

    SCHEMA = schemas.CONTROL_CHECK
    __slots__ = ()


class DiagnosticBatch(Batch):
    """What readers had to say about their files."""

    SCHEMA = schemas.DIAGNOSTIC
    __slots__ = ()


class PaymentOutcomeBatch(Batch):
    """Where each payment's money went."""

    SCHEMA = schemas.PAYMENT_OUTCOME
    KEY = ("payment_id",)
    __slots__ = ()


class ApplicationBatch(Batch):
    """Amounts of payments on open items, decided or proposed."""

    SCHEMA = schemas.APPLICATION
    __slots__ = ()


class SettledBatch(Batch):
    """What payments of earlier runs settled, so that their return can re-open it."""

    SCHEMA = schemas.SETTLED
    KEY = ("payment_id", "company_id", "open_item_id")
    __slots__ = ()


class ReversalBatch(Batch):
    """What returned payments re-open."""

    SCHEMA = schemas.REVERSAL
    __slots__ = ()


class ExceptionBatch(Batch):
    """What needs a clerk."""

    SCHEMA = schemas.EXCEPTION
    KEY = ("exception_id",)
    __slots__ = ()
