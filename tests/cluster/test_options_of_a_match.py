"""`tieout cluster match` takes the options of `tieout match`, and gives the same rows with them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import without_spark
from cluster_worlds import (
    differing_tables,
    in_parts,
    make_world,
    matched_in_one_process,
    one_family,
)

import engine.groups
from cluster import job as cluster_job
from cluster.settings import ClusterJob, Cuts
from tieout.cluster_inputs import read_remittance_places
from tieout.cluster_output import cluster_hooks
from tieout.commands import main
from tieout.exit_codes import ExitCode

FORMATS = Path(__file__).parents[2] / "docs" / "formats.md"
LAYOUT = re.search(r"```toml\n(.*?)```", FORMATS.read_text(encoding="utf-8"), re.DOTALL)[1]
LOCKBOX = "\n".join(
    [
        "5001   007712311092026CAD",
        f"6001001000000030000121000248{'4402207781':>17}0000000017"
        f"{'HARBOUR FREIGHT':<30}{'INV-1':<12}0000010000",
        f"4001001019{'INV-2':<12}00000250000000001000D1{'CM-9':<12}-0000050000000000000",
        "7001   00771230001000000030000",
        "8      00771230001000000030000",
        "900000006",
    ]
)
HEADER = (
    "Company Code;Customer;Document Number;Fiscal Year;Line item;Reference;Document Type;"
    "Document Date;Net due date;Amount in doc. curr.;Document currency\n"
)
ITEMS = (
    "1000;100234;1800000123;2026;1;INV-1;RV;05.09.2026;15.10.2026;100,00;CAD\n",
    "1000;100234;1800000124;2026;1;INV-2;RV;06.09.2026;16.10.2026;250,00;CAD\n"
    "1000;100234;1600000009;2026;1;CM-9;DG;07.09.2026;07.09.2026;50,00-;CAD\n"
    "1000;100235;1800000125;2026;1;INV-5;RV;06.09.2026;16.10.2026;1.234,50;CAD\n",
)
PAYMENTS = (
    "payment_id,amount,currency,value_date,payer_name,remittance_text\n"
    "P-1,1234.50,CAD,2026-09-12,Quarry Stone,INV-5\n"
)


@pytest.fixture
def run(monkeypatch):
    """Runs `tieout cluster match` with some arguments, without Spark."""

    @contextmanager
    def no_spark(*_):
        yield without_spark.NoSpark()

    def match(spark, job, hooks, observe):
        del spark
        return without_spark.match_without_spark(monkeypatch, job, hooks, observe)

    real = cluster_job.match_on_cluster
    monkeypatch.setattr("tieout.cluster_session.spark_session", no_spark)
    monkeypatch.setattr(without_spark, "match_on_cluster", real)
    monkeypatch.setattr("cluster.job.match_on_cluster", match)
    return lambda *arguments: main(["cluster", "match", *map(str, arguments), "--progress", "none"])


def in_one_process(*arguments):
    return main(["match", *map(str, arguments), "--progress", "none"])


def test_own_layouts_exports_of_an_erp_and_payments_beside_bank_files(tmp_path, run, capsys):
    bank, items, layout = tmp_path / "acme.txt", tmp_path / "items", tmp_path / "own.toml"
    bank.write_text(LOCKBOX, encoding="ascii")
    layout.write_text(LAYOUT, encoding="utf-8")
    items.mkdir()
    for number, rows in enumerate(ITEMS):
        (items / f"{number}.txt").write_text(HEADER + rows, encoding="utf-8")
    whole, payments = tmp_path / "items.txt", tmp_path / "payments.csv"
    whole.write_text(HEADER + "".join(ITEMS), encoding="utf-8")
    payments.write_text(PAYMENTS, encoding="utf-8")
    customers = tmp_path / "customers.csv"
    customers.write_text(
        "Customer;Company Code;Name 1\n100234;1000;Harbour Freight\n100235;1000;Quarry Stone\n"
    )
    given = [bank, "--payments", payments, "--lockbox-layout", layout, "--customers", customers]
    given += ["--preset", "sap", "--preset-date", "DMY", "--preset-decimal", ","]
    one, many = tmp_path / "one", tmp_path / "many"
    assert in_one_process(*given, "--open-items", whole, "--out", one) == ExitCode.DONE
    assert run(*given, "--open-items", items, "--out", many) == ExitCode.DONE, capsys.readouterr()
    assert differing_tables(one, many) == {}
    applied = pq.read_table(one / "applications.parquet")
    assert applied["decision"].to_pylist().count("auto") == 4


def test_what_a_policy_and_outcomes_say_and_gates_demand(tmp_path, run, capsys):
    world = make_world("demo", tmp_path / "world", 200, 1_000, seed=6)
    plain = tmp_path / "plain"
    tables = ["--payments", world / "payments.parquet", "--customers", world / "customers.parquet"]
    tables += ["--bank-accounts", world / "bank_accounts.parquet"]
    tables += ["--remittances", world / "remittances.parquet", "--open-items"]
    items = world / "open_items.parquet"
    assert in_one_process(*tables, items, "--out", plain) == ExitCode.DONE
    calibration, precision = tmp_path / "own.json", tmp_path / "record.json"
    learned = ["--fit", calibration, "--ledger", precision]
    assert main(["evaluate", str(plain), "--truth", str(world), *map(str, learned)]) == 0
    policy = tmp_path / "tieout.toml"
    policy.write_text(
        '[strategies]\nunique_amounts = "apply"\n[outcomes]\ncalibration = "own.json"\n'
    )
    parts = in_parts(items, 3)
    given = ["--policy", policy, "--precision", precision]
    given += ["--max-exceptions", 5, "--min-value-rate", "0.999"]
    one, many = tmp_path / "one", tmp_path / "many"
    capsys.readouterr()
    assert in_one_process(*tables, items, *given, "--out", one) == ExitCode.GATE
    failed = capsys.readouterr().err
    assert run(*tables, parts, *given, "--out", many) == ExitCode.GATE
    assert capsys.readouterr().err == failed
    assert failed.count("gate failed") == 3
    assert differing_tables(one, many) == {}
    confidence = [pq.read_table(at / "applications.parquet")["confidence"] for at in (plain, one)]
    assert not confidence[0].equals(confidence[1])


def test_without_a_place_a_dry_run_asks_for_a_working_folder(tmp_path, run, capsys):
    table = tmp_path / "t.csv"
    given = ["--payments", table, "--open-items", table]
    assert run(*given, "--dry-run") == ExitCode.USAGE
    assert "--work FOLDER" in capsys.readouterr().err
    # What is given is looked at next.
    assert run(*given, "--dry-run", "--work", tmp_path / "work") == ExitCode.MISSING


def days(world, place, parts=3):
    """The payments of `world`, cut into days; the open items of all of them."""
    payments = pq.read_table(world / "payments.parquet")
    size = -(-len(payments) // parts)
    for number in range(parts):
        # Each day tells of some payments of the day before once more.
        first = max(0, number * size - 5)
        pq.write_table(
            payments.slice(first, (number + 1) * size - first), place / f"{number}.parquet"
        )
    return [place / f"{number}.parquet" for number in range(parts)]


@pytest.mark.parametrize(("name", "seed"), [("exceptions", 3), ("demo", 2)])
def test_memory_goes_from_day_to_day_as_in_one_process(tmp_path, run, name, seed):
    world = make_world(name, tmp_path / "world", 240, 1_000, seed=seed)
    items = in_parts(world / "open_items.parquet", 2)
    more = ["--customers", world / "customers.parquet"]
    more += ["--bank-accounts", world / "bank_accounts.parquet"]
    more += ["--remittances", world / "remittances.parquet"]
    memories = [tmp_path / "memory of one", tmp_path / "memory of many"]
    for number, payments in enumerate(days(world, tmp_path)):
        one, many = (tmp_path / f"{kind} {number}" for kind in ("one", "many"))
        given = [*more, "--payments", payments, "--memory"]
        whole = world / "open_items.parquet"
        left = [memories[0], "--open-items", whole, "--out", one]
        assert in_one_process(*given, *left) == ExitCode.DONE
        assert run(*given, memories[1], "--open-items", items, "--out", many) == ExitCode.DONE
        assert differing_tables(one, many) == {}
        for file in sorted(memories[0].glob("*.parquet")):
            kept = pq.read_table(file)
            assert kept.equals(pq.read_table(memories[1] / file.name)), (number, file.name)
    assert len(kept)


def test_a_giant_familys_payments_are_matched_in_slices_on_all_cores(tmp_path, monkeypatch):
    world = one_family(make_world("demo", tmp_path / "world", 300, 2_000, seed=2), every=2)
    whole = matched_in_one_process(world, tmp_path / "one")
    monkeypatch.setattr(engine.groups, "CHUNK_PAYMENTS", 7)
    job = ClusterJob(
        open_items=str(world / "open_items.parquet"),
        payments=str(world / "payments.parquet"),
        customers=str(world / "customers.parquet"),
        bank_accounts=str(world / "bank_accounts.parquet"),
        out=str(tmp_path / "many"),
        cuts=Cuts(bucket_items=200, bucket_payments=20),
    )
    hooks = cluster_hooks(read_remittance_places([str(world / "remittances.parquet")]))
    report = without_spark.match_without_spark(monkeypatch, job, hooks)
    assert report.counts["lay_out.giants"] > 1
    assert differing_tables(whole, tmp_path / "many") == {}
