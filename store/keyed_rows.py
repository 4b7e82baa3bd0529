"""Rows that callers keep current by their keys: upserts, tombstones, snapshots, a feed of changes.

Open items and customers are such rows. Each has a `version`, one more with every change (an etag
for callers), and the number of the booking that changed it last. Numbers grow in the order of the
commits, because bookings of a tenant follow each other: who asks for what changed after the last
number he saw misses nothing ([0014](docs/decisions/0014-a-database-per-tenant.md)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar, cast

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import Batch
from store.errors import StaleRowError
from store.row_tables import batch_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from numpy.typing import NDArray

    from store.database import Database

__all__ = [
    "ANY_VERSION",
    "Key",
    "KeyedChanges",
    "KeyedRows",
    "KeyedTable",
    "RowChanges",
    "RowFeed",
    "StoredRows",
]

_B = TypeVar("_B", bound=Batch)

Key = tuple[str, str]
"""Company and id."""

ANY_VERSION: Final = -1
"""As the version a caller expects: whichever it is. 0: the row must not be there."""

_ROWS_PER_READ: Final = 262_144
_KEYS_PER_QUERY: Final = 400
_COUNTED_ONE_BY_ONE_MAX: Final = 2_000
"""Up to here the rows that are there are counted by their keys, beyond by the whole table."""


class StoredRows(msgspec.Struct, Generic[_B], frozen=True):
    """Rows and, for each, its version."""

    rows: _B
    versions: NDArray[np.int64]


class RowFeed(msgspec.Struct, Generic[_B], frozen=True):
    """What changed up to booking `number`: rows as they are now, keys of those that are gone.

    Ask again after `number`. A row may come again although it did not change; none is left out.
    """

    changed: StoredRows[_B]
    removed: tuple[Key, ...]
    number: int


class RowChanges(NamedTuple):
    """What an upsert did; unchanged rows keep their version."""

    inserted: int
    updated: int
    unchanged: int


class KeyedTable(msgspec.Struct, frozen=True, kw_only=True):
    """How rows of a batch class stand in their table, as SQL.

    `written` maps a batch's column to the one it is written to, where the name differs, and `read`
    to the expression it is read by. `derived` are columns that follow from an upsert: what a new
    row has, and what an old one gets. `kept` tells which rows are shown, tombstones among them.
    """

    name: str
    batch_class: type[Batch]
    written: dict[str, str] = {}
    read: dict[str, str] = {}
    derived: dict[str, tuple[str, str]] = {}
    kept: str = "NOT is_deleted"

    @property
    def key(self) -> tuple[str, str]:
        """The two columns of the key."""
        company, identity = self.batch_class.KEY
        return company, identity

    @property
    def columns(self) -> tuple[str, ...]:
        """The table's columns that an upsert gives, in the batch's order."""
        return tuple(self.written.get(name, name) for name in self.batch_class.SCHEMA.names)

    @property
    def shown(self) -> str:
        """The batch's columns as SQL reads them, then the version."""
        names = (self.read.get(name, f'"{name}"') for name in self.batch_class.SCHEMA.names)
        return ", ".join((*names, "version"))

    def upsert_sql(self, source: str) -> str:
        """Insert rows of `source`, or bring those that are there up to what they say."""
        company, identity = self.key
        values = [f'"{name}"' for name in self.columns if name not in self.key]
        new = ", ".join(f"excluded.{name}" for name in values)
        old = ", ".join(f"{self.name}.{name}" for name in values)
        changes = [f"{name} = excluded.{name}" for name in (*values, "change_number")]
        changes += [f"{name} = {later}" for name, (_, later) in self.derived.items()]
        changes += ["is_deleted = FALSE", f"version = {self.name}.version + 1"]
        names = [f'"{name}"' for name in (*self.columns, *self.derived, "change_number")]
        return (
            f"INSERT INTO {self.name} ({', '.join(names)}) {source} "
            f"ON CONFLICT ({company}, {identity}) DO UPDATE SET {', '.join(changes)} "
            f"WHERE {self.name}.is_deleted OR ({old}) IS DISTINCT FROM ({new})"
        )


class KeyedRows(Generic[_B]):
    """What may be asked about rows with keys."""

    def __init__(self, database: Database, table: KeyedTable) -> None:
        """Ask for the rows of `table`."""
        self._database = database
        self._table = table

    def read(self) -> RowFeed[_B]:
        """Every row: the state to start from, and the number to ask for changes after."""
        with self._database.reading():
            number = self.last_number()
            parts = list(self._pages(self._table.kept))
        return RowFeed(self._stored(pa.concat_tables(parts)), (), number)

    def changes_after(self, number: int) -> RowFeed[_B]:
        """What changed after booking `number`."""
        with self._database.reading():
            last = self.last_number()
            condition, values = self._changed_after(number)
            rows = self._select(condition, *values)
            shown = rows.filter(rows["shown"])
            gone = rows.filter(pc.invert(rows["shown"]))
        keys = zip(*(gone[name].to_pylist() for name in self._table.key), strict=True)
        return RowFeed(self._stored(shown), cast("tuple[Key, ...]", tuple(keys)), last)

    def last_number(self) -> int:
        """The last booking that changed rows others follow; 0 before the first."""
        found = self._database.rows("SELECT coalesce(max(number), 0) FROM booking")
        return cast("int", found[0][0])

    def find(self, keys: Sequence[Key]) -> StoredRows[_B]:
        """The rows of `keys` that are there, in order of their keys."""
        found = [self._schema().empty_table()]
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            part = sorted(set(keys[start : start + _KEYS_PER_QUERY]))
            marks = ", ".join(["(?, ?)"] * len(part))
            condition = f"{self._table.kept} AND {self._in_key()} IN (VALUES {marks})"
            found.append(self._select(condition, *(word for key in part for word in key)))
        return self._stored(pa.concat_tables(found))

    def page(
        self, conditions: dict[str, Any], after: Key | None, limit: int
    ) -> tuple[StoredRows[_B], Key | None]:
        """At most `limit` rows after the key `after`; with the key to continue after, if any.

        `conditions` are SQL with one `?` each and the value it stands for, or a tuple of them.
        """
        wanted = [self._table.kept, *conditions]
        values: list[Any] = []
        for value in conditions.values():
            values += value if isinstance(value, tuple) else (value,)
        if after is not None:
            wanted.append(f"{self._in_key()} > (?, ?)")
            values += after
        rows = self._select(" AND ".join(wanted), *values, limit=limit + 1)
        page = rows.slice(0, limit)
        more = rows.num_rows > limit
        company, identity = (page[name] for name in self._table.key)
        return self._stored(page), (company[-1].as_py(), identity[-1].as_py()) if more else None

    def within(self, companies: Collection[str] | None, changed_after: int) -> dict[str, Any]:
        """Conditions of a page: rows of `companies` (None: all) that changed after a booking."""
        conditions: dict[str, Any] = {}
        if companies is not None:
            marks = ", ".join("?" * len(companies)) or "NULL"
            conditions[f"company_id IN ({marks})"] = tuple(sorted(companies))
        if changed_after:
            condition, values = self._changed_after(changed_after)
            conditions[condition] = values
        return conditions

    def _changed_after(self, number: int) -> tuple[str, tuple[int, ...]]:
        """SQL for rows that changed after booking `number`, and its values."""
        return "change_number > ?", (number,)

    def _pages(self, condition: str) -> Iterator[pa.Table]:
        rows = self._select(condition, limit=_ROWS_PER_READ)
        yield rows
        while rows.num_rows == _ROWS_PER_READ:
            last = [rows[name][-1].as_py() for name in self._table.key]
            further = f"{condition} AND {self._in_key()} > (?, ?)"
            rows = self._select(further, *last, limit=_ROWS_PER_READ)
            yield rows

    def _select(self, condition: str, *values: Any, limit: int | None = None) -> pa.Table:
        company, identity = self._table.key
        at_most = "" if limit is None else f" LIMIT {limit}"
        question = (
            f"SELECT {self._table.shown}, {self._table.kept} "  # noqa: S608 - names of schemas
            f"FROM {self._table.name} WHERE {condition} ORDER BY {company}, {identity}{at_most}"
        )
        return self._database.read_table(question, self._schema(), *values)

    def _schema(self) -> pa.Schema:
        own = [pa.field("version", pa.int64()), pa.field("shown", pa.bool_())]
        return pa.schema([*self._table.batch_class.SCHEMA, *own])

    def _in_key(self) -> str:
        company, identity = self._table.key
        return f"({company}, {identity})"

    def _stored(self, rows: pa.Table) -> StoredRows[_B]:
        batch = batch_of(self._table.batch_class, rows.drop_columns(["version", "shown"]))
        versions = rows["version"].to_numpy().astype(np.int64, copy=False)
        return StoredRows(self._opened(cast("_B", batch)), versions)

    def _opened(self, batch: _B) -> _B:
        """Rows as they are read; a table with personal columns opens them here."""
        return batch


class KeyedChanges(KeyedRows[_B]):
    """What a booking may do with rows with keys."""

    def __init__(
        self, database: Database, table: KeyedTable, booking_number: Callable[[], int]
    ) -> None:
        """Change the rows of `table` in the booking whose number `booking_number` gives."""
        super().__init__(database, table)
        self._booking_number = booking_number

    def upsert(self, batch: _B, expected_versions: Sequence[int] | None = None) -> RowChanges:
        """Insert rows of `batch`, or bring those that are there up to it.

        `expected_versions`, one per row, is what the caller last saw (`ANY_VERSION`, 0); raises
        `StaleRowError` where a row has another. Nothing is changed then.
        """
        if expected_versions is not None:
            self._check_versions(_keys_of(batch), expected_versions)
        if len(batch) <= _COUNTED_ONE_BY_ONE_MAX:
            inserted = len(batch) - self._count_of(_keys_of(batch))
            changed = self._merge(batch)
        else:
            before = self._count()
            changed = self._merge(batch) if before else self._fill(batch)
            inserted = self._count() - before
        return RowChanges(inserted, changed - inserted, len(batch) - changed)

    def touch(self, key: Key) -> int:
        """Let everybody who follows the row of `key` read it again; gives whether it is there."""
        company, identity = self._table.key
        return self._database.change(
            f"UPDATE {self._table.name} SET version = version + 1, "  # noqa: S608 - schema names
            f"change_number = {self._booking_number()} WHERE {company} = ? AND {identity} = ?",
            *key,
        )

    def remove(self, keys: Sequence[Key], expected_versions: Sequence[int] | None = None) -> int:
        """Put tombstones on the rows of `keys` and give how many there were; see `upsert`."""
        if expected_versions is not None:
            self._check_versions(keys, expected_versions)
        company, identity = self._table.key
        sql = (
            f"UPDATE {self._table.name} SET is_deleted = TRUE, "  # noqa: S608 - schema names
            f"version = version + 1, change_number = {self._booking_number()} "
            f"WHERE {company} = ? AND {identity} = ? AND NOT is_deleted"
        )
        return self._database.execute_many(sql, keys)

    def _remove_others(self, batch: _B, companies: Sequence[str]) -> int:
        """Put tombstones on the rows of `companies` that are not in `batch`."""
        removed = 0
        ours = batch.key_strings()
        company, identity = self._table.key
        schema = pa.schema([(company, pa.string()), (identity, pa.string())])
        for one in companies:
            there = self._database.read_table(
                f"SELECT {company}, {identity} FROM {self._table.name} "  # noqa: S608 - schema names
                f"WHERE {company} = ? AND NOT is_deleted",
                schema,
                one,
            )
            joined = pc.binary_join_element_wise(there[company], there[identity], "\x1f")
            gone = there.filter(pc.invert(pc.is_in(joined, value_set=ours)))
            removed += self.remove([(one, name) for name in gone[identity].to_pylist()])
        return removed

    def _merge(self, batch: _B) -> int:
        """Insert rows of `batch` or bring those that are there up to it; gives how many that is."""
        rows = self._rows_of(batch)
        return self._database.merge_table(self._table.name, rows, self._table.upsert_sql)

    def _fill(self, batch: _B) -> int:
        """As `_merge`, where no row is there yet: none has to be looked for."""
        self._database.insert_table(self._table.name, self._rows_of(batch))
        return len(batch)

    def _rows_of(self, batch: _B) -> pa.Table:
        """What an upsert writes, in the order of the keys."""
        columns = [
            pa.field(name, kind.type)
            for name, kind in zip(self._table.columns, batch.SCHEMA, strict=True)
        ]
        rows = pa.Table.from_arrays(batch.record_batch.columns, schema=pa.schema(columns))
        for name, (first, _) in self._table.derived.items():
            rows = rows.append_column(name, rows[first])
        number = pa.repeat(pa.scalar(self._booking_number(), pa.int64()), len(batch))
        rows = rows.append_column("change_number", number)
        if not batch.keys_ascend():
            # In the order of the keys each page is written once.
            rows = rows.sort_by([(name, "ascending") for name in self._table.key])
        return rows

    def _count(self) -> int:
        """How many rows there are, tombstones among them: none is ever deleted."""
        found = self._database.rows(f"SELECT count(*) FROM {self._table.name}")  # noqa: S608 - schema names
        return cast("int", found[0][0])

    def _count_of(self, keys: Sequence[Key]) -> int:
        """How many of `keys` have a row, be it a tombstone."""
        count = 0
        for start in range(0, len(keys), _KEYS_PER_QUERY):
            part = keys[start : start + _KEYS_PER_QUERY]
            marks = ", ".join(["(?, ?)"] * len(part))
            found = self._database.rows(
                f"SELECT count(*) FROM {self._table.name} "  # noqa: S608 - schema names
                f"WHERE {self._in_key()} IN (VALUES {marks})",
                *(word for key in part for word in key),
            )
            count += found[0][0]
        return count

    def _check_versions(self, keys: Sequence[Key], expected: Sequence[int]) -> None:
        found = self.find(keys)
        there = dict(zip(_keys_of(found.rows), found.versions.tolist(), strict=True))
        stale = [
            (key, there.get(key, 0))
            for key, version in zip(keys, expected, strict=True)
            if version not in (ANY_VERSION, there.get(key, 0))
        ]
        if stale:
            (company, identity), version = stale[0]
            raise StaleRowError.of(self._table.name, company, identity, version, len(stale))


def _keys_of(batch: Batch) -> list[Key]:
    company, identity = batch.KEY
    return list(zip(batch.strings(company), batch.strings(identity), strict=True))
