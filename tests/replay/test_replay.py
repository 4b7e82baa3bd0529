"""Replay: a history day by day, no cent twice, and the difference another policy makes."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from tests.evaluation.conftest import matched_world
from tieout.commands import main
from tieout.evaluation import evaluate_runs
from tieout.replay import periods

if TYPE_CHECKING:
    from pathlib import Path

WIDER = '[automation]\nwrong_budget = 0.05\n[strategies]\nunique_amounts = "apply"\n'


@pytest.fixture(scope="module")
def history(tmp_path_factory) -> Path:
    """A world of five days."""
    return matched_world("dense_numbers", 43, 800, tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def policy(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("policy") / "wider.toml"
    path.write_text(WIDER, "utf-8")
    return path


@pytest.fixture(scope="module")
def replayed(history, policy, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("replay") / "out"
    command = ["replay", str(history), "--policy", str(policy), "--out", str(out), "--json"]
    assert main(command) == 0
    return out


def said(out):
    return json.loads((out / "replay.json").read_text("utf-8"))


def test_what_changed_adds_up(replayed):
    told = said(replayed)
    changes = {name: one["payments"] for name, one in told["changes"].items()}
    gained = changes["newly automatic"] - changes["no longer automatic"]
    assert told["decided_after"] - told["decided_before"] == gained
    assert changes["newly automatic"] > 0
    judged = {name: one["payments"] for name, one in told["judged"].items()}
    assert told["wrong_after"] - told["wrong_before"] == (
        judged["newly wrong"] - judged["no longer wrong"]
    )
    for name in ("before", "after"):
        assert sum(one[name] for one in told["strategies"]) == told[f"decided_{name}"]
        assert sum(one[f"decided_{name}"] for one in told["periods"]) == told[f"decided_{name}"]
    assert sum(one["payments"] for one in told["periods"]) == told["payments"]
    rows = pq.read_table(replayed / "changes.parquet").to_pylist()
    newly = [row for row in rows if row["change"] == "newly automatic"]
    assert len(newly) == changes["newly automatic"]
    for currency, amount in told["changes"]["newly automatic"]["cash_after"].items():
        cash = sum(row["applied_after"] for row in newly if row["currency"] == currency)
        assert f"{cash:.2f}" == amount


def test_each_arm_is_a_run_that_evaluation_judges_alike(replayed, history):
    told = said(replayed)
    for arm, name in (("baseline", "before"), ("policy", "after")):
        judged = evaluate_runs([replayed / arm], history).evaluation
        assert judged.is_sound
        assert judged.automatic.hits == told[f"decided_{name}"]
        assert judged.wrong.hits == told[f"wrong_{name}"]


def test_the_same_policy_changes_nothing_and_says_the_same_bytes(history, tmp_path):
    policy = tmp_path / "same.toml"
    policy.write_text("", "utf-8")
    for name in ("a", "b"):
        command = ["replay", str(history), "--policy", str(policy), "--json", "--by", "week"]
        assert main([*command, "--out", str(tmp_path / name)]) == 0
    told = said(tmp_path / "a")
    assert all(one["payments"] == 0 for one in told["changes"].values())
    assert pq.read_table(tmp_path / "a" / "changes.parquet").num_rows == 0
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file() and path.name != "timings.json":
            other = tmp_path / "b" / path.relative_to(tmp_path / "a")
            assert path.read_bytes() == other.read_bytes(), path


def test_one_period_of_items_dated_before_it_is_a_plain_match(history, tmp_path):
    policy = tmp_path / "same.toml"
    policy.write_text("", "utf-8")
    command = ["replay", str(history), "--policy", str(policy), "--json", "--by", "week"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert len(said(tmp_path / "out")["periods"]) == 1
    replayed, plain = (
        pq.read_table(run / "applications.parquet").sort_by(
            [
                ("payment_id", "ascending"),
                ("proposal_rank", "ascending"),
                ("open_item_id", "ascending"),
            ]
        )
        for run in (tmp_path / "out" / "policy", history / "run")
    )
    assert replayed.equals(plain)


ITEMS = (
    "open_item_id,customer_id,document_number,currency,open_amount,document_date\n"
    "I1,C1,INV-1001,EUR,100.00,2026-08-01\n"
    "I2,C1,INV-1002,EUR,250.50,2026-09-02\n"
    "I3,C1,INV-1003,EUR,75.25,2026-09-09\n"
)
CUSTOMERS = "customer_id,name,bank_accounts\nC1,Acme Birch Ltd,DE02120300000000202051\n"
PAYMENTS = "payment_id,amount,currency,value_date,payer_account,payer_name,remittance_text\n"


def replay_rows(folder, rows, *options):
    """A history of the small ledger with the payments `rows`; gives the arm's applications."""
    folder.mkdir(exist_ok=True)
    payer = "DE02120300000000202051,Acme Birch Ltd"
    lines = [f"{name},{amount},EUR,{day},{payer},{text}\n" for name, amount, day, text in rows]
    (folder / "payments.csv").write_text(PAYMENTS + "".join(lines), "utf-8")
    (folder / "open_items.csv").write_text(ITEMS, "utf-8")
    (folder / "customers.csv").write_text(CUSTOMERS, "utf-8")
    policy = folder / "new.toml"
    policy.write_text("", "utf-8")
    out = folder / "out"
    command = ["replay", str(folder), "--policy", str(policy), "--out", str(out), "--json"]
    assert main([*command, *options]) == 0
    table = pq.read_table(out / "policy" / "applications.parquet")
    auto = table.filter(pc.equal(table["decision"], "auto")).to_pylist()
    return {row["payment_id"]: row["open_item_id"] for row in auto}


def test_what_an_earlier_day_took_is_not_there_the_next(tmp_path):
    rows = [("P1", "250.50", "2026-09-03", "INV-1002"), ("P2", "250.50", "2026-09-04", "INV-1002")]
    assert replay_rows(tmp_path / "h", rows) == {"P1": "I2"}
    codes = pq.read_table(tmp_path / "h" / "out" / "policy" / "exceptions.parquet").to_pylist()
    assert {row["payment_id"]: row["code"] for row in codes if row["is_primary"]} == {
        "P2": "REF-CLOSED"
    }


def test_an_item_is_not_seen_before_it_is_dated(tmp_path):
    early = [("P1", "75.25", "2026-09-08", "INV-1003"), ("P2", "100.00", "2026-09-10", "INV-1001")]
    assert replay_rows(tmp_path / "day", early) == {"P2": "I1"}
    assert replay_rows(tmp_path / "week", early, "--by", "week") == {"P1": "I3", "P2": "I1"}


def test_in_the_evening_clerks_book_what_was_left_to_them(tmp_path):
    rows = [
        ("P1", "75.25", "2026-09-10", "no word"),
        ("P2", "250.50", "2026-09-11", "INV-1002"),
        ("P3", "250.50", "2026-09-12", "INV-1002"),
    ]
    folder = tmp_path / "h"
    folder.mkdir()
    (folder / "truth.csv").write_text(
        "key,open_item_id,cash\nP1,I3,75.25\nP2,I2,250.50\nP3,I1,100.00\n", "utf-8"
    )
    shadow = '[automation]\nmode = "shadow"\n'
    (folder / "shadow.toml").write_text(shadow, "utf-8")
    options = ["--baseline", str(folder / "shadow.toml")]
    assert replay_rows(folder, rows, *options)["P2"] == "I2"
    base = pq.read_table(folder / "out" / "baseline" / "exceptions.parquet").to_pylist()
    # Nothing is applied in shadow mode, yet P3 meets an invoice that clerks closed the day before.
    assert "REF-CLOSED" in {row["code"] for row in base if row["payment_id"] == "P3"}
    told = said(folder / "out")
    assert told["decided_before"] == 0
    assert told["judged"]["newly right"]["payments"] >= 2


def test_a_gate_on_new_mistakes(history, policy, tmp_path, capsys):
    command = ["replay", str(history), "--policy", str(policy), "--json"]
    assert main([*command, "--out", str(tmp_path / "a"), "--max-newly-wrong", "100000"]) == 0
    capsys.readouterr()
    told = said(tmp_path / "a")["judged"]["newly wrong"]["payments"]
    if told:
        assert main([*command, "--out", str(tmp_path / "b"), "--max-newly-wrong", "0"]) == 3
        assert "newly wrong" in capsys.readouterr().err


def test_without_a_truth_nothing_is_judged(history, policy, tmp_path, capsys):
    tables = ["--open-items", str(history / "open_items.parquet")]
    tables += ["--payments", str(history / "payments.parquet")]
    empty = tmp_path / "empty"
    empty.mkdir()
    command = ["replay", str(empty), *tables, "--policy", str(policy)]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    assert "nobody knows" in capsys.readouterr().out
    assert said(tmp_path / "out")["judged"] == {}


def test_what_is_no_history_is_refused(tmp_path, policy, capsys):
    command = ["replay", str(tmp_path), "--policy", str(policy), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert "no history" in capsys.readouterr().err
    assert main(["replay", str(tmp_path / "x"), *command[2:]]) == 66
    assert not (tmp_path / "out").exists()


def test_weeks_begin_on_monday():
    monday = datetime.date(1970, 1, 1) + datetime.timedelta(days=periods._MONDAY)
    assert monday.weekday() == 0
