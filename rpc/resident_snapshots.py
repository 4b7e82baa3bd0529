"""Snapshots of what is resident, made and checked by a worker.

A snapshot is true up to a booking of the store. The next one follows from what was booked since;
everything is indexed anew only where that does not do: other rules, other customers, very many
changes, or sums that do not agree with the store's.
"""

from __future__ import annotations

import hashlib
import logging
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa

import engine
from engine.resident import Resident, build_resident
from engine.resident_changes import by_key, changed_resident
from rpc.errors import SnapshotError
from rpc.jobs import BuildSnapshotDone, CheckSnapshotDone
from rpc.policy_messages import policy_sha256
from rpc.resident_folder import hash_of_file
from rpc.resident_tables import with_changes
from rpc.snapshot_files import open_snapshot, write_snapshot
from store.audit_log import LeafMark  # noqa: TC001 - msgspec reads annotations

if TYPE_CHECKING:
    from engine.batches import BankAccountBatch
    from rpc.jobs import BuildSnapshotJob, CheckSnapshotJob, TenantSettings
    from rpc.resident_tables import ResidentTables
    from rpc.snapshot_files import OpenSnapshot
    from store.open_items import ItemTotal
    from store.repository import Repository

__all__ = ["booked_up_to", "build_snapshot", "check_snapshot"]

_CODE: Final = (*Path(engine.__file__).parent.rglob("*.py"), Path(__file__))

_log = logging.getLogger(__name__)


class _Facts(msgspec.Struct, frozen=True):
    """Up to which booking a snapshot is true; the store's last audit leaf by then; the hash of what
    else it was made from and by.
    """

    number: int
    leaf: LeafMark | None
    made_from: str


def build_snapshot(
    job: BuildSnapshotJob, store: Repository, tables: ResidentTables, rules: TenantSettings
) -> BuildSnapshotDone:
    """Make the snapshot that `job` asks for."""
    begun = time.perf_counter()
    made_from = _made_from(rules, tables.bank_accounts)
    base = None if job.from_store else _base(job, made_from, store)
    found = None if base is None else _changed(base, store)
    how = "changed"
    if found is None:
        found = _anew(store, tables, rules, from_store=job.from_store)
        how = "anew"
    elif base is not None and found.resident is base.resident:
        how = "same"
    resident = found.resident
    files, sha256 = list(base.files) if base else [], ""
    if how != "same":
        facts = msgspec.msgpack.encode(_Facts(found.number, found.leaf, made_from))
        written = write_snapshot(resident, Path(job.path), facts, base)
        files, sha256 = list(written.files), written.sha256
    return BuildSnapshotDone(
        how=how,  # type: ignore[arg-type]  # one of the three
        files=files,
        sha256=sha256,
        open_item_count=len(resident.open_items),
        customer_count=len(resident.directory),
        seconds=time.perf_counter() - begun,
    )


def check_snapshot(job: CheckSnapshotJob, store: Repository) -> CheckSnapshotDone:
    """Compare what is open in the snapshot with what the store says, by company and currency."""
    begun = time.process_time()
    snapshot = open_snapshot(Path(job.path))
    differences: list[str] = []
    with store.reading():
        feed = store.open_items.changes_after(_facts(snapshot).number)
        is_comparable = not (len(feed.changed.rows) or feed.removed)
        if is_comparable:
            kept = store.open_items.open_totals()
            differences = _differences(_open_totals(snapshot.resident), kept)
    return CheckSnapshotDone(is_comparable, differences, time.process_time() - begun)


def booked_up_to(snapshot: OpenSnapshot) -> int:
    """The last booking that what is resident knows of."""
    return _facts(snapshot).number


def _base(job: BuildSnapshotJob, made_from: str, store: Repository) -> OpenSnapshot | None:
    """The snapshot to change, where it is whole and was made from the same: the store may have been
    restored to a time before it.
    """
    if not job.base_path:
        return None
    path = Path(job.base_path)
    for name, sha256 in job.hashes.items():
        if hash_of_file(path.parent / name) != sha256:
            _log.warning("%s is not what was written; indexing anew", name)
            return None
    try:
        base = open_snapshot(path)
        facts = _facts(base)
    except SnapshotError as error:
        _log.warning("indexing anew: %s", error)
        return None
    if facts.made_from != made_from or (facts.leaf and not store.audit.has_leaf(facts.leaf)):
        return None
    return base


def _facts(snapshot: OpenSnapshot) -> _Facts:
    try:
        return msgspec.msgpack.decode(snapshot.facts, type=_Facts)
    except msgspec.DecodeError as error:
        message = f"a snapshot does not say what it was made from: {error}"
        raise SnapshotError(message, file=snapshot.files[-1]) from error


class _Found(msgspec.Struct, frozen=True):
    """What is resident, up to which booking, and the last leaf of the audit then."""

    resident: Resident
    number: int
    leaf: LeafMark | None


def _changed(base: OpenSnapshot, store: Repository) -> _Found | None:
    """What is resident by now, from what the store has booked since `base`; None where customers
    changed, or too much did.
    """
    with store.reading():
        number = _facts(base).number
        customers = store.customers.changes_after(number)
        if len(customers.changed.rows) or customers.removed:
            return None
        feed, leaf = store.open_items.changes_after(number), store.audit.last_leaf()
    if feed.number < number:
        return None
    resident = changed_resident(base.resident, feed.changed.rows, feed.removed)
    return None if resident is None else _Found(resident, feed.number, leaf)


def _anew(
    store: Repository, tables: ResidentTables, rules: TenantSettings, *, from_store: bool
) -> _Found:
    with store.reading():
        customers, leaf = store.customers.read().changed.rows, store.audit.last_leaf()
        if from_store:
            feed = store.open_items.read()
            items = feed.changed.rows
        else:
            feed = store.open_items.changes_after(tables.number)
            items = with_changes(tables.open_items, feed)
    resident = build_resident(
        by_key(items), customers, tables.bank_accounts, rules.policy, outcomes=rules.outcomes
    )
    return _Found(resident, feed.number, leaf)


def _made_from(rules: TenantSettings, accounts: BankAccountBatch) -> str:
    digest = hashlib.sha256(policy_sha256(rules.policy).encode())
    digest.update(msgspec.msgpack.encode(rules.outcomes))
    digest.update(_code_sha256().encode())
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, accounts.SCHEMA) as writer:
        writer.write_batch(accounts.record_batch)
    digest.update(sink.getvalue())
    return digest.hexdigest()


@cache
def _code_sha256() -> str:
    """Another release may index otherwise."""
    digest = hashlib.sha256()
    for path in sorted(_CODE):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _open_totals(resident: Resident) -> dict[tuple[str, str], tuple[int, int]]:
    """Items with an open amount, and its sum, by company and currency."""
    index, currencies = resident.index, resident.currencies
    companies = resident.directory.companies
    rows = np.flatnonzero(index.open_minor)
    cell = index.company[rows] * len(currencies) + index.currency[rows]
    cells = len(companies) * len(currencies)
    sums = np.zeros(cells, dtype=np.int64)
    np.add.at(sums, cell, index.open_minor[rows])
    counts = np.bincount(cell, minlength=cells)
    return {
        (companies[one // len(currencies)], currencies[one % len(currencies)]): (
            int(counts[one]),
            int(sums[one]),
        )
        for one in np.flatnonzero(counts).tolist()
    }


def _differences(
    ours: dict[tuple[str, str], tuple[int, int]], kept: tuple[ItemTotal, ...]
) -> list[str]:
    stored = {(one.company_id, one.currency): (one.item_count, one.open_minor) for one in kept}
    return [
        f"company {company!r}, {currency}: the snapshot has {ours.get((company, currency), (0, 0))}"
        f" (open items, minor units), the store {stored.get((company, currency), (0, 0))}"
        for company, currency in sorted(ours.keys() | stored.keys())
        if ours.get((company, currency)) != stored.get((company, currency))
    ]
