"""The store beside floors in the same run: open items made durable, applications posted at once.

Both databases, durable commits. What is compared is seconds on cores, of this process and of the
database's own for our connection: those hold still on a busy machine, wall clock does not.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
import pyarrow as pa

from bench import record as records
from bench.postgresql_server import PostgresqlServer
from bench.posting_floors import PostgresqlFloor, SqliteFloor
from bench.posting_record import Cost, PostingRecord, StoreMeasure, posting_table
from engine.batches import OpenItemBatch, PaymentBatch, PaymentOutcomeBatch
from store import open_repository
from store.audited_tables import posting_selections
from store.decision_records import Decision, PostingBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.posting_floors import Application
    from store.repository import Repository

__all__ = ["main", "measure_store"]

_REPEATS: Final = 2
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Floor(Protocol):
    """The least that does the same work."""

    def pids(self) -> tuple[int, ...]:
        """Processes beside ours that work for this."""

    def copy(self, batch: OpenItemBatch) -> None:
        """Rows into a bare table."""

    def prepare(self, batch: OpenItemBatch) -> None:
        """Items with their key."""

    def post(self, rows: list[Application]) -> None:
        """One bare transaction."""

    def close(self) -> None:
        """Let go."""


def make_items(count: int) -> OpenItemBatch:
    """Open items of one company, in no order of their ids."""
    chance = np.random.default_rng(3)
    number = chance.permutation(count)
    days = pa.array(chance.integers(20_000, 20_600, count).astype(np.int32)).cast(pa.date32())
    return OpenItemBatch.from_columns(
        {
            "open_item_id": [f"OI-{one:09d}" for one in number],
            "company_id": ["K100"] * count,
            "customer_id": [f"C-{one % 50_000:06d}" for one in number],
            "document_number": [f"{90_000_000 + one}" for one in number],
            "document_type": ["invoice"] * count,
            "currency": ["USD"] * count,
            "original_minor": np.full(count, 1_000_000),
            "open_minor": np.full(count, 1_000_000),
            "document_date": days,
            "due_date": days,
            "purchase_order": [f"PO-{one}" for one in number],
            "status": ["open"] * count,
        }
    )


def make_rows(items: OpenItemBatch, count: int, seed: int) -> list[Application]:
    """Applications of as many payments on as many items, anywhere in the ledger."""
    chosen = np.random.default_rng(seed).permutation(len(items))[:count]
    ids = items.text("open_item_id").take(pa.array(chosen)).to_pylist()
    return [(f"P-{seed}-{number:07d}", "K100", item, 10) for number, item in enumerate(ids)]


def keep_payments(repository: Repository, rows: list[Application]) -> None:
    """The payments of `rows`, their cash unapplied."""
    many = len(rows)
    columns = {
        "payment_id": [row[0] for row in rows],
        "company_id": ["K100"] * many,
        "currency": ["USD"] * many,
    }
    payments = PaymentBatch.from_columns(columns | {"amount_minor": [100] * many})
    outcomes = PaymentOutcomeBatch.from_columns(columns | {"unapplied_minor": [100] * many})
    with repository.booking() as booking:
        booking.decisions.open_balances(payments, outcomes)


def post(repository: Repository, rows: list[Application]) -> None:
    """Post `rows` as one set: the money moved, the event and the audit leaf, in one transaction."""
    many = len(rows)
    names = ("payment_id", "company_id", "open_item_id", "applied_minor")
    columns = dict(zip(names, zip(*rows, strict=True), strict=True))
    batch = PostingBatch.from_columns(
        columns | {"currency": ["USD"] * many, "bucket": ["unapplied"] * many}
    )
    subject = rows[0][0]
    decision = Decision(decided_by="bench", decided_at_ms=0, subject=subject, is_human=False)
    with repository.booking() as booking:
        posted = booking.decisions.post(batch, decision)
        booking.events.add("results.posted", subject, 0, {"application_count": many})
        selections = posting_selections(posted.booking_number, subject)
        booking.audit.record(
            "result", subject, actor="bench", recorded_at_ms=0, selections=selections
        )


def _cpu_seconds(pids: Sequence[int]) -> float:
    own = time.process_time()
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
        own += (int(fields[11]) + int(fields[12])) / _TICKS
    return own


def _cost(works: Sequence[Callable[[], object]], pids: Sequence[int]) -> Cost:
    seconds, cpu = [], []
    for work in works:
        started, began = time.perf_counter(), _cpu_seconds(pids)
        work()
        seconds.append(time.perf_counter() - started)
        cpu.append(_cpu_seconds(pids) - began)
    return Cost(seconds=round(statistics.median(seconds), 3), cpu_seconds=round(min(cpu), 3))


def measure_store(
    store: str, url: str, floor: Floor, items: OpenItemBatch, applications: int
) -> list[StoreMeasure]:
    """Both pieces of work in one database."""
    repository = open_repository(url)
    pids = [row[0] for row in _backends(repository)]

    def upsert() -> None:
        with repository.booking() as booking:
            booking.open_items.upsert(items)

    durable = StoreMeasure(
        store=store,
        work="open items made durable",
        rows=len(items),
        floor=_cost([lambda: floor.copy(items)] * _REPEATS, floor.pids()),
        ours=_cost([upsert], pids),
    )
    floor.prepare(items)
    sets = [make_rows(items, applications, seed) for seed in range(_REPEATS)]
    for rows in sets:
        keep_payments(repository, rows)
    if store == "PostgreSQL":
        repository.database.run_script("VACUUM ANALYZE open_item, payment_balance")
    posted = StoreMeasure(
        store=store,
        work="applications posted as one set",
        rows=applications,
        floor=_cost([partial(floor.post, rows) for rows in sets], floor.pids()),
        ours=_cost([partial(post, repository, rows) for rows in sets], pids),
    )
    repository.close()
    floor.close()
    return [durable, posted]


def _backends(repository: Repository) -> list[tuple[int]]:
    if repository.database.dialect == "sqlite":
        return []
    return [(repository.database.rows("SELECT pg_backend_pid()")[0][0],)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure as the arguments say; gives the exit code."""
    reader = argparse.ArgumentParser(prog="python -m bench.posting", description=__doc__)
    reader.add_argument("--quick", action="store_true", help="few rows, to see that all runs")
    reader.add_argument("--items", type=int, default=1_000_000, help="open items of the ledger")
    reader.add_argument("--applications", type=int, default=100_000, help="of one set")
    reader.add_argument("--date", help="date of the line, ISO 8601; today where not given")
    reader.add_argument("--history", type=Path, help="file the line is added to")
    chosen = reader.parse_args(arguments)
    items = make_items(5_000 if chosen.quick else chosen.items)
    applications = 500 if chosen.quick else chosen.applications
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sqlite = SqliteFloor(folder / "floor.db")
        url = f"sqlite:///{folder / 'store.db'}"
        measures = measure_store("SQLite", url, sqlite, items, applications)
    server = PostgresqlServer(durable=True)
    try:
        bare = PostgresqlFloor(server.new_database())
        url = server.new_database()
        measures += measure_store("PostgreSQL", url, bare, items, applications)
    finally:
        server.stop()
    record = PostingRecord(
        date=chosen.date or datetime.datetime.now(datetime.UTC).date().isoformat(),
        size="quick" if chosen.quick else f"{chosen.items} items",
        machine=records.this_machine(),
        versions=records.installed_versions(),
        measures=tuple(measures),
        ratios={
            f"{one.store} {one.work}": round(one.ours.cpu_seconds / one.floor.cpu_seconds, 2)
            for one in measures
        },
    )
    print(posting_table(record))
    history = chosen.history or (None if chosen.quick else records.HISTORY)
    if history is not None:
        records.append(record, history)
        print(f"added to {history}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
