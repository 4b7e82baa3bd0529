"""Every bucket is matched, and what came of it leaves as tables: part k of each holds the same
payments, sorted, whatever the buckets were.
"""

from __future__ import annotations

import hashlib
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from cluster.bucket_match import second_round
from cluster.flow import begun, gathered, passed
from cluster.lay_out import of_bucket
from cluster.mapped_values import mapped_value
from cluster.packets import PACKET, Packet, packed, scattered
from cluster.questions import part_of
from cluster.remember import keep_told
from cluster.stage_files import keep_table, kept_table
from engine.text_hashes import text_hashes
from parsers.result_bundles import ManifestFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluster.buckets import Buckets
    from cluster.packets import Received
    from cluster.pieces import Pieces
    from cluster.places import Place
    from cluster.run import Run
    from engine.match_input import MatchInput, MatchResult

__all__ = ["Written", "decide_all", "write_tables"]

_FILE: Final = "part-{:05}.parquet"
_GROUP_ROWS: Final = 1 << 16
"""Rows of a group of a Parquet file: some 40 MiB."""
_MARK: Final = "payment_id"
"""What says in which part a row stands: its payment; rows of none stand in the first."""

_AMOUNTS: Final = (
    *("amount", "applied_amount", "on_account_amount", "unapplied_amount"),
    *("unidentified_amount", "suspense_amount", "non_ar_amount", "refund_amount"),
    "returned_amount",
)
_SUM: Final = pa.schema(
    [pa.field("currency", pa.string()), *(pa.field(one, pa.decimal128(38, 4)) for one in _AMOUNTS)]
)
_CODE: Final = pa.schema([pa.field("code", pa.string()), pa.field("exceptions", pa.int64())])
_WRITTEN_FILE: Final = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("table", "path", "sha256")),
        *(pa.field(name, pa.int64()) for name in ("rows", "bytes")),
    ]
)
_ROWS: Final = pa.schema([pa.field("table", pa.string()), pa.field("rows", pa.int64())])


_CASH: Final = pa.schema(
    [_SUM.field("currency"), *(pa.field(name, pa.int64()) for name in ("decided", "total"))]
)


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: every file; money by currency and column; primary exceptions by code; cash
    of receivables that was decided, and its total, by currency.
    """

    files: tuple[ManifestFile, ...]
    sums: dict[str, dict[str, str]]
    exceptions: dict[str, int]
    decided: dict[str, tuple[int, int]]

    def rows(self) -> dict[str, int]:
        """Rows of each table."""
        rows: dict[str, int] = {}
        for file in self.files:
            rows[file.table] = rows.get(file.table, 0) + file.rows
        return rows


def decide_all(run: Run) -> dict[str, int]:
    """Match every bucket by everything there is."""
    known_at, facts_at = run.place_of("customers"), run.place_of("facts")
    tell, tell_cash = run.hooks.tell, run.hooks.decided
    folder, parts, tables = run.folder, _parts(run), tuple(run.hooks.schemas)
    earlier_at, cores = run.place_of("earlier"), run.hooks.cores
    remember = None if run.hooks.earlier is None else run.hooks.earlier.tell
    buckets: Buckets = run.value("buckets")
    giants = buckets.giants

    def decide(bucket: int) -> Iterator[Packet]:
        payments, items = of_bucket(folder, bucket)
        if not len(payments):
            return
        known, facts = mapped_value(known_at), mapped_value(facts_at)
        earlier = None if remember is None else mapped_value(earlier_at)
        beside: dict[str, pa.Table] = {}

        def told_of(match_input: MatchInput, result: MatchResult) -> dict[str, pa.Table]:
            beside["cash"] = tell_cash(match_input, result)
            if remember is not None:
                beside.update(remember(match_input, result))
            return tell(match_input, result)

        with cores() if bucket in giants else nullcontext(map) as cored:
            told = second_round(payments, items, known, facts, told_of, earlier, cored)
        packets = [
            one for name, rows in told.items() for one in _by_part(name, rows, tables, parts)
        ]
        keep_table(_matched(folder, bucket), [_as_table(packets)], PACKET)
        counted = [[*told], [len(rows) for rows in told.values()]]
        yield from packed({"rows": pa.table(counted, schema=_ROWS), **beside})

    found = gathered(begun(run.spark, buckets.count, decide))
    keep_told(run, found)
    run.put(_added_up(found.table("cash", _CASH)), "decided")
    told = found.table("rows", _ROWS)
    sums = told.group_by("table").aggregate([("rows", "sum")]).sort_by("table")
    return dict(zip(sums["table"].to_pylist(), sums["rows_sum"].to_pylist(), strict=True))


def _parts(run: Run) -> int:
    """Parts of each table of the result."""
    pieces: Pieces = run.value("pieces")
    return max(1, -(-int(pieces.rows.sum()) // run.job.cuts.file_payments))


def _matched(folder: Place, bucket: int) -> Place:
    return folder / "matched" / f"{bucket:06}.arrow"


def _by_part(name: str, rows: pa.Table, tables: Sequence[str], parts: int) -> Iterator[Packet]:
    """`rows` of the table `name` on their way to the task that writes each."""
    first = tables.index(name) * parts
    if parts == 1 or _MARK not in rows.column_names:
        yield from packed({name: rows}, first)
        return
    marks = pc.fill_null(rows[_MARK], "").combine_chunks()
    part = np.where(pc.equal(marks, ""), 0, part_of(text_hashes(marks), parts))
    yield from scattered(name, rows, first + part)


def _as_table(packets: Sequence[Packet]) -> pa.Table:
    columns: list[Any] = [*zip(*packets, strict=True)] or [[]] * len(PACKET)
    return pa.table(
        [pa.array(one, field.type) for one, field in zip(columns, PACKET, strict=True)],
        schema=PACKET,
    )


def write_tables(run: Run) -> dict[str, int]:
    """Write the tables of the result, each in parts."""
    folder, parts, schemas, order = run.folder, _parts(run), run.hooks.schemas, run.hooks.order
    buckets: Buckets = run.value("buckets")
    tables, notes = tuple(schemas), run.notes()

    def send(number: int) -> Iterator[Packet]:
        if number < buckets.count:
            for row in kept_table(_matched(folder, number), PACKET).to_batches():
                columns = [column.to_pylist() for column in row.columns]
                yield from (Packet(*one) for one in zip(*columns, strict=True))
            return
        for name, rows in mapped_value(notes[number - buckets.count]).items():
            yield from _by_part(name, rows, tables, parts)

    def write(number: int, received: Received) -> Iterator[Packet]:
        name, part = tables[number // parts], number % parts
        rows = received.table(name, schemas[name])
        content = memoryview(_parquet_of(rows, order[name]))
        path = f"{name}/{_FILE.format(part)}"
        (folder / "written" / path).write(content)
        digest = hashlib.sha256(content).hexdigest()
        file = [[name], [path], [digest], [len(rows)], [len(content)]]
        yield from packed({"files": pa.table(file, schema=_WRITTEN_FILE), **_sums(name, rows)})

    sent = begun(run.spark, buckets.count + len(notes), send)
    found = gathered(passed(sent, len(tables) * parts, write))
    written = _written(found, run.value("decided"))
    run.put(written, "written")
    return written.rows()


def _parquet_of(rows: pa.Table, keys: Sequence[str]) -> pa.Buffer:
    """`rows` by `keys` as a Parquet file; never a second time as a whole in another order."""
    by_key: list[tuple[str, Literal["ascending"]]] = [(key, "ascending") for key in keys]
    order = pc.sort_indices(rows.select(list(keys)), by_key)
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, rows.schema, compression="zstd") as writer:
        for first in range(0, max(len(rows), 1), _GROUP_ROWS):
            writer.write_table(rows.take(order.slice(first, _GROUP_ROWS)))
    return sink.getvalue()


def _sums(name: str, rows: pa.Table) -> dict[str, pa.Table]:
    """What the manifest says of a table beside its files."""
    if name == "payments":
        named = rows.group_by("currency").aggregate([(one, "sum") for one in _AMOUNTS])
        columns = [named["currency"], *(named[f"{one}_sum"] for one in _AMOUNTS)]
        return {"sums": _cast(columns, _SUM)}
    if name == "exceptions":
        codes = rows.filter(rows["is_primary"]).group_by("code").aggregate([([], "count_all")])
        return {"codes": _cast([codes["code"], codes["count_all"]], _CODE)}
    return {}


def _cast(columns: list[pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    cast = [one.cast(field.type) for one, field in zip(columns, schema, strict=True)]
    return pa.table(cast, schema=schema)


def _added_up(cash: pa.Table) -> dict[str, tuple[int, int]]:
    total = cash.group_by("currency").aggregate([("decided", "sum"), ("total", "sum")])
    rows = total.sort_by("currency").to_pylist()
    return {row["currency"]: (row["decided_sum"], row["total_sum"]) for row in rows}


def _written(found: Received, decided: dict[str, tuple[int, int]]) -> Written:
    files = found.table("files", _WRITTEN_FILE).sort_by("path").to_pylist()
    sums = found.table("sums", _SUM).group_by("currency")
    total = sums.aggregate([(one, "sum") for one in _AMOUNTS]).sort_by("currency").to_pylist()
    codes = found.table("codes", _CODE).group_by("code").aggregate([("exceptions", "sum")])
    codes = codes.sort_by("code")
    return Written(
        files=tuple(ManifestFile(**file) for file in files),
        sums={
            row["currency"]: {one: f"{row[f'{one}_sum']:f}" for one in _AMOUNTS} for row in total
        },
        exceptions=dict(
            zip(codes["code"].to_pylist(), codes["exceptions_sum"].to_pylist(), strict=True)
        ),
        decided=decided,
    )
