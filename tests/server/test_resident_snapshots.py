"""What is resident follows the store: by changes, across restarts, and not past a wrong sum."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import apsw
import msgspec
import numpy as np
import pytest

from engine.batches import BankAccountBatch, CustomerBatch
from engine.outcomes import Outcomes
from engine.policy import PolicyBook, Processor
from engine.precision_ledger import PrecisionLedger
from rpc.errors import JobTimeoutError
from rpc.jobs import BuildSnapshotJob, CheckSnapshotJob, LoadTablesJob, TenantSettings
from rpc.metrics import Metrics
from rpc.resident_folder import ResidentFolder
from rpc.resident_snapshots import build_snapshot, check_snapshot
from rpc.resident_tables import load_tables, open_tables
from rpc.snapshot_files import open_snapshot
from rpc.snapshots import SnapshotKeeper
from rpc.workers import Lane
from store import open_repository
from tests.server.requests import items

NO_TABLES = LoadTablesJob(open_items="", customers="", bank_accounts="")


class Place:
    """A store with three items and a customer, and the folder of what is resident of it."""

    def __init__(self, path):
        self.path = path
        self.store = open_repository(f"sqlite:///{path / 'store.db'}")
        self.folder = ResidentFolder(path / "resident")
        self.rules = TenantSettings(tables_folder="", policy=PolicyBook())
        self.book(lambda booking: booking.open_items.upsert(items()))
        self.keep_customer("Ember Vertex GmbH")
        self.loaded = load_tables(NO_TABLES, self.folder.tables, self.store)

    def book(self, act):
        with self.store.booking() as booking:
            act(booking)

    def keep_customer(self, name):
        one = CustomerBatch.from_columns(
            {"customer_id": ["C-1"], "company_id": ["K"], "name": [name]}
        )
        self.book(lambda booking: booking.customers.upsert(one))

    def build(self, number, base=None, **more):
        name = f"{number}.snapshot"
        job = BuildSnapshotJob(
            path=str(self.folder.path / name),
            base_path=str(self.folder.path / f"{base}.snapshot") if base else "",
            **more,
        )
        return build_snapshot(job, self.store, open_tables(self.folder.tables), self.rules)

    def open_minor(self, number):
        resident = open_snapshot(self.folder.path / f"{number}.snapshot").resident
        found = resident.open_items
        amounts = found.int64("open_minor").tolist()
        return dict(zip(found.strings("open_item_id"), amounts, strict=True))

    def check(self, number):
        path = self.folder.path / f"{number}.snapshot"
        return check_snapshot(CheckSnapshotJob(str(path)), self.store)

    def falsify(self):
        """Change an amount past all bookings."""
        database = apsw.Connection(str(self.path / "store.db"))
        database.execute("UPDATE open_item SET open_minor = 9999 WHERE open_item_id = 'I-1'")
        database.close()


@pytest.fixture
def place(tmp_path):
    place = Place(tmp_path)
    yield place
    place.store.close()


def test_the_next_version_follows_from_what_was_booked(place):
    assert place.build(1).how == "anew"
    assert place.build(2, base=1).how == "same"
    place.book(lambda booking: booking.open_items.upsert(items(open_minor=[1, 25_050, 7_525])))
    done = place.build(2, base=1)
    assert (done.how, done.open_item_count, done.customer_count) == ("changed", 3, 2)
    place.book(lambda booking: booking.open_items.remove([("K", "I-2")]))
    assert place.build(3, base=2).how == "changed"
    assert place.open_minor(3) == {"I-1": 1, "I-3": 7_525}
    assert place.open_minor(1) == {"I-1": 10_000, "I-2": 25_050, "I-3": 7_525}
    assert place.check(3).differences == []


def test_other_customers_rules_and_damaged_files_are_a_reason_to_index_anew(place):
    first = place.build(1)
    hashes = {"1.snapshot": first.sha256}
    assert place.build(2, base=1, hashes=hashes).how == "same"
    before = place.rules
    for changes in (
        {"policy": PolicyBook(processors=(Processor(name="CardCo"),))},
        {"outcomes": Outcomes(precision=PrecisionLedger(source="September"))},
    ):
        place.rules = msgspec.structs.replace(before, **changes)
        assert place.build(2, base=1, hashes=hashes).how == "anew"
    place.rules = before
    place.keep_customer("Ember Vertex Trust")
    assert place.build(2, base=1).how == "anew"
    path = place.folder.path / "2.snapshot"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    assert place.build(3, base=2).how == "same", "without a hash nobody looks"
    assert place.build(3, base=2, hashes={"2.snapshot": "0" * 64}).how == "anew"
    assert place.build(4, base=9).how == "anew"


def test_a_store_restored_to_a_time_before_is_noticed(place):
    def leaf(subject):
        place.book(
            lambda booking: booking.audit.record("tested", subject, actor="me", recorded_at_ms=1)
        )

    leaf("one")
    place.build(1)
    assert place.build(2, base=1).how == "same"
    leaf("two")
    assert place.build(2, base=1).how == "same"
    database = apsw.Connection(str(place.path / "store.db"))
    for (name,) in database.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'audit_leaf'"
    ).fetchall():
        database.execute(f"DROP TRIGGER {name}")
    database.execute("UPDATE audit_leaf SET body = replace(body, 'one', 'other')")
    database.close()
    assert place.build(2, base=1).how == "anew"


def test_sums_that_differ_from_the_stores_are_said(place):
    place.build(1)
    assert place.check(1).comparable
    place.falsify()
    (said,) = place.check(1).differences
    assert "company 'K', USD" in said
    assert "42575" in said
    assert "42574" in said
    place.book(lambda booking: booking.open_items.upsert(items(open_minor=[5, 25_050, 7_525])))
    assert not place.check(1).comparable


class Pool:
    """Does the jobs of a keeper at once, or when it may."""

    def __init__(self, place):
        self.place = place
        self.jobs = []
        self.may = asyncio.Event()
        self.may.set()
        self.fails = 0

    async def run(self, job, lane, *, tenant):
        assert tenant == "default"
        await self.may.wait()
        if self.fails:
            self.fails -= 1
            message = "too long"
            raise JobTimeoutError(message)
        if isinstance(job, CheckSnapshotJob):
            assert lane is Lane.UPKEEP
            return check_snapshot(job, self.place.store)
        self.jobs.append(job)
        tables = open_tables(self.place.folder.tables)
        return build_snapshot(job, self.place.store, tables, self.place.rules)


def keeping(place, scenario, *, check_seconds=1e9):
    """Run `scenario` with a keeper that has started."""

    async def main():
        pool, metrics = Pool(place), Metrics()
        keeper = SnapshotKeeper(pool, place.folder, metrics, "default")
        await keeper.start(check_seconds)
        await asyncio.wait_for(scenario(keeper, pool, metrics), 30)
        await keeper.stop()
        return keeper.current

    return asyncio.run(main())


async def version(keeper, number):
    """Wait until it is the current one."""
    while keeper.current.version != number or keeper.lag_seconds():  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.005)


def resident_amounts(keeper):
    found = open_snapshot(Path(keeper.current.path)).resident.open_items
    return sorted(found.int64("open_minor").tolist())


def test_a_change_is_followed_and_its_age_is_told(place):
    async def scenario(keeper, pool, metrics):
        del metrics
        assert keeper.lag_seconds() == 0
        pool.may.clear()
        place.book(lambda booking: booking.open_items.upsert(items(open_minor=[1, 2, 3])))
        keeper.changed()
        await asyncio.sleep(0.02)
        assert keeper.lag_seconds() >= 0.02
        pool.fails = 1
        pool.may.set()
        await version(keeper, 2)
        assert resident_amounts(keeper) == [1, 2, 3]
        assert len(pool.jobs) == 2

    keeping(place, scenario)


def test_the_next_server_begins_with_what_is_there(place):
    async def nothing(keeper, pool, metrics):
        del keeper, metrics
        assert len(pool.jobs) == 1

    first = keeping(place, nothing)
    loaded = load_tables(
        LoadTablesJob(open_items="", customers="", bank_accounts="", hashes=place.loaded.hashes),
        place.folder.tables,
        place.store,
    )
    assert loaded == place.loaded
    assert keeping(place, nothing) == first
    place.book(lambda booking: booking.open_items.upsert(items(open_minor=[1, 2, 3])))

    async def amounts(keeper, pool, metrics):
        del pool, metrics
        assert resident_amounts(keeper) == [1, 2, 3]

    second = keeping(place, amounts)
    assert second.version == first.version + 1
    path = Path(second.path)
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    third = keeping(place, amounts)
    assert third.files == (path.with_name(f"{second.version + 1:012}.snapshot").name,)
    assert {one.name for one in place.folder.path.glob("*.snapshot")} == {*third.files}


def test_a_snapshot_that_drifted_is_an_alarm_and_read_again(place, caplog):
    async def scenario(keeper, pool, metrics):
        place.falsify()
        await version(keeper, 2)
        assert resident_amounts(keeper) == [7_525, 9_999, 25_050]
        assert pool.jobs[-1].from_store
        counted = metrics.registry.get_sample_value(
            "tieout_invariant_violations_total", {"invariant": "snapshot"}
        )
        assert counted == 1
        place.book(lambda booking: booking.open_items.remove([("K", "I-1")]))
        keeper.changed()
        await version(keeper, 3)
        assert not pool.jobs[-1].from_store
        assert resident_amounts(keeper) == [7_525, 25_050]

    with caplog.at_level(logging.ERROR):
        keeping(place, scenario, check_seconds=0.02)
    assert "not what the store holds" in caplog.text


def test_a_table_is_read_from_the_store_where_its_file_is_another(place):
    (place.folder.tables / "customers.arrow").write_bytes(b"damaged")
    job = LoadTablesJob(open_items="", customers="", bank_accounts="", hashes=place.loaded.hashes)
    assert load_tables(job, place.folder.tables, place.store) == place.loaded
    tables = open_tables(place.folder.tables)
    assert tables.customers.strings("name") == ["Ember Vertex GmbH"]
    assert tables.bank_accounts == BankAccountBatch.empty()
    assert np.array_equal(tables.open_items.int64("open_minor"), [10_000, 25_050, 7_525])
