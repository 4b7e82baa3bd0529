"""Numbers of receivables: the page's example, plain recounts, expected dates beside naive ones."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

sys.path.append(str(Path(__file__).parent))

from histories import HEADER, START, day, history_of, seeded_rows

from engine.batches import OpenItemBatch
from parsers.errors import TableError
from tieout.commands import main
from tieout.receivables.aging import AGING_BUCKETS, aging
from tieout.receivables.backtest import backtest
from tieout.receivables.expected_dates import delay_model, expected_days
from tieout.receivables.history import NEVER
from tieout.receivables.measures import collection_measures, discount_leakage

PAGE = Path(__file__).resolve().parents[2] / "docs" / "receivables.md"


def page_files():
    text = PAGE.read_text("utf-8")
    return dict(re.findall(r"<!-- file (\S+) -->\n```csv\n(.*?)```", text, re.DOTALL))


def test_the_page_s_example_says_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in page_files().items():
        (tmp_path / name).write_text(content)
    text = PAGE.read_text("utf-8")
    ((command, shown),) = re.findall(
        r"<!-- run -->\n```console\n\$ (tieout .*?)\n(.*?)```", text, re.DOTALL
    )
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out == shown


def test_the_worked_figures_of_the_page_are_those_of_the_code(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "history.csv").write_text(page_files()["history.csv"])
    given = ["--history", "history.csv", "--as-of", "2026-09-30"]
    assert main(["report", *given, "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["measures"]
    assert told["dso"] == pytest.approx(3400 / 5400 * 90)
    assert told["best_possible_dso"] == pytest.approx(3000 / 5400 * 90)
    assert told["cei"] == pytest.approx((1500 + 5400 - 3400) / (1500 + 5400 - 3000) * 100)
    assert told["days_late"] == pytest.approx((10 * 1000 + 76 * 500) / 3500)
    assert (told["opening_amount"], told["closing_amount"]) == ("1500.00", "3400.00")


@given(st.integers(0, 2**31), st.integers(100, 540))
@settings(max_examples=15)
def test_measures_are_what_a_slow_recount_gives(seed, at):
    rows = seeded_rows(seed, customers=5, items=60)
    history = history_of(rows)
    last = day(str(START)) + at
    (told,) = collection_measures(history, last, 90)
    opening = sales = closing = current = late = paid = 0
    for row in rows:
        cells = row.split(",")
        document, due = day(cells[4]), day(cells[5])
        settled = day(cells[7]) if cells[7] else None
        amount = round(float(cells[6]) * 100)
        opening += amount * (document <= last - 90 and (settled is None or settled > last - 90))
        is_open = document <= last and (settled is None or settled > last)
        closing += amount * is_open
        current += amount * (is_open and due >= last)
        sales += amount * (last - 90 < document <= last)
        if settled is not None and last - 90 < settled <= last:
            late, paid = late + amount * (settled - due), paid + amount
    assert (told.opening_minor, told.sales_minor) == (opening, sales)
    assert (told.closing_minor, told.closing_current_minor) == (closing, current)
    assert told.days_late == (pytest.approx(late / paid) if paid else None)


def test_aging_puts_each_item_where_its_days_belong():
    as_of = day("2026-09-30")
    late = [-5, 0, 1, 30, 31, 60, 61, 90, 91, 400]
    items = OpenItemBatch.from_columns(
        {
            "open_item_id": [f"I{at}" for at in range(len(late) + 2)],
            "customer_id": ["C"] * (len(late) + 2),
            "currency": ["USD"] * (len(late) + 2),
            "open_minor": [10**at for at in range(len(late))] + [-7, 5],
            "due_date": [dt.date(2026, 9, 30) - dt.timedelta(one) for one in late] + [None, None],
            "document_date": [None] * (len(late) + 1) + [dt.date(2026, 9, 1)],
        }
    )
    (row,) = aging(items, as_of).to_pylist()
    found = [row[f"{name}_minor"] for name in (*AGING_BUCKETS, "credits", "total")]
    assert found == [11, 1100 + 5, 110_000, 11_000_000, 1_100_000_000, -7, 1_111_111_111 - 2]


def test_a_discount_after_its_date_is_leakage():
    history = history_of(
        [
            "I1,,C,USD,2026-01-01,2026-01-31,100.00,2026-01-10,100.00,2026-01-11,2.00",
            "I2,,C,USD,2026-01-01,2026-01-31,100.00,2026-01-12,100.00,2026-01-11,3.00",
        ]
    )
    (told,) = discount_leakage(history, day("2026-01-31"), 90)
    assert (told.taken_minor, told.unearned_minor, told.unearned_count) == (500, 300, 1)


def test_an_item_is_closed_by_the_settlement_that_reaches_its_whole():
    history = history_of(
        [
            "I1,,C,USD,2026-01-01,2026-01-31,100.00,2026-02-01,60.00,,",
            "I1,,C,USD,2026-01-01,2026-01-31,100.00,2026-02-09,40.00,,",
            "I2,,C,USD,2026-01-01,2026-01-31,100.00,2026-02-01,99.99,,",
        ]
    )
    assert history.closed.tolist() == [day("2026-02-09"), NEVER]
    assert history.open_at(day("2026-02-03")).tolist() == [4000, 1]


def test_a_history_that_contradicts_itself_is_refused():
    with pytest.raises(TableError, match=r"row 2 .* original_amount: .* differs between rows"):
        history_of(
            [
                "I1,,C,USD,2026-01-01,2026-01-31,100.00,2026-02-01,60.00,,",
                "I1,,C,USD,2026-01-01,2026-01-31,90.00,2026-02-09,30.00,,",
            ]
        )


def one_customer(delays):
    """Items of one customer, due on the same day, settled after each of the delays."""
    due = dt.date(2026, 3, 1)
    return [
        f"I{at},,C,USD,2026-02-01,{due},10.00,{due + dt.timedelta(one)},,,"
        for at, one in enumerate(delays)
    ]


def test_quantiles_are_those_of_the_customer_s_own_delays():
    history = history_of(one_customer(range(1, 101)))
    as_of = day("2026-06-30")
    told = expected_days(delay_model(history, as_of), np.array([0]), np.array([as_of + 20]), as_of)
    assert (told.days[0] - as_of - 20).tolist() == [10, 50, 90]
    assert told.seen.tolist() == [100]


def test_an_item_that_is_late_already_is_told_by_what_is_as_late():
    history = history_of(one_customer(range(1, 101)))
    as_of = day("2026-06-30")
    told = expected_days(delay_model(history, as_of), np.array([0]), np.array([as_of - 50]), as_of)
    assert (told.days[0] - (as_of - 50)).tolist() == [55, 75, 95]
    old = expected_days(delay_model(history, as_of), np.array([0]), np.array([as_of - 200]), as_of)
    assert old.days[0].tolist() == [NEVER] * 3


def test_a_customer_nobody_has_seen_is_told_by_everybody():
    history = history_of(one_customer([5] * 50))
    as_of = day("2026-06-30")
    told = expected_days(delay_model(history, as_of), np.array([-1]), np.array([as_of]), as_of)
    assert (told.days[0, 1] - as_of, told.seen[0]) == (5, 0)


def test_items_still_open_count_as_slow_ones():
    rows = one_customer([3] * 50)
    rows += [f"O{at},,C,USD,2026-02-01,2026-03-01,10.00,,,," for at in range(60)]
    as_of = day("2026-06-30")
    told = expected_days(
        delay_model(history_of(rows), as_of), np.array([0]), np.array([as_of]), as_of
    )
    assert told.days[0].tolist() == [as_of + 3, NEVER, NEVER]


def test_what_is_told_uses_nothing_of_the_future():
    rows = seeded_rows(3, customers=8, items=400)
    cut = day(str(START)) + 300
    whole = delay_model(history_of(rows), cut)
    known = []
    for row in rows:
        cells = row.split(",")
        if day(cells[4]) <= cut:
            known.append(
                row if cells[7] and day(cells[7]) <= cut else ",".join([*cells[:7], "", "", "", ""])
            )
    history = history_of(known)
    names = [history.customers.index(name) for name in history_of(rows).customers]
    assert np.allclose(whole.survival[:-1], delay_model(history, cut).survival[names])


def test_own_habits_beat_what_is_usually_done_where_some_items_are_disputed():
    dice = np.random.default_rng(5)
    rows = []
    for row in seeded_rows(5):
        cells = row.split(",")
        if cells[7] and dice.random() < 0.15:
            settled = dt.date.fromisoformat(cells[7]) + dt.timedelta(int(dice.integers(40, 90)))
            cells[7] = str(settled) if settled <= START + dt.timedelta(540) else ""
        rows.append(",".join(cells))
    told = backtest(history_of(rows))
    own, *naive = told.methods
    assert own.method == "own habits"
    assert told.judged > 1_000
    assert all(own.mean_absolute_error < 0.95 * one.mean_absolute_error for one in naive)
    assert 0.75 < told.coverage < 0.97


def test_customers_have_habits_of_their_own():
    rows = [row.replace(",C,", ",A,") for row in one_customer([5] * 40)]
    rows += [f"X{row}".replace(",C,", ",B,") for row in one_customer([60] * 40)]
    as_of = day("2026-06-30")
    history = history_of(rows)
    who = np.array([history.customers.index(name) for name in ("A", "B")])
    told = expected_days(delay_model(history, as_of), who, np.array([as_of] * 2), as_of)
    assert (told.days[:, 1] - as_of).tolist() == [5, 60]


def test_naive_methods_know_nothing_of_the_future_either():
    first = dt.date(2026, 1, 1)
    days = [(5 * at, 5 * at + 10, 5 * at + 10) for at in range(20)]  # settled when due
    days += [(100, 140, 165)]  # open on the only day told on, settled 25 days late
    rows = [
        f"I{at},,C,USD,{','.join(str(first + dt.timedelta(one)) for one in (document, due))},10.00,"
        f"{first + dt.timedelta(settled)},,,"
        for at, (document, due, settled) in enumerate(days)
    ]
    told = backtest(history_of(rows))
    assert (told.cuts, told.judged) == (1, 1)
    assert {one.mean_absolute_error for one in told.methods} == {25.0}


def test_a_history_too_short_says_so_by_judging_nothing():
    told = backtest(history_of(one_customer([5])))
    assert (told.cuts, told.judged, told.methods, told.coverage) == (0, 0, [], None)


@pytest.fixture
def history_file(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text("\n".join([HEADER, *seeded_rows(customers=12, items=900), ""]))
    return path


def test_a_report_is_written_as_page_tables_and_charts(history_file, tmp_path, capsys):
    out = tmp_path / "report"
    given = ["report", "--history", str(history_file), "--out", str(out), "--format", "csv"]
    assert main(given) == 0
    assert "own habits" in capsys.readouterr().out
    names = {path.name for path in out.iterdir()}
    assert {"receivables.html", "receivables.json", "aging.csv", "expected_dates.csv"} <= names
    for chart in out.glob("*.svg"):
        etree.parse(chart)
    rows = list(csv.DictReader((out / "expected_dates.csv").read_text().splitlines()))
    likely = [row["expected_likely"] for row in rows if row["expected_likely"]]
    assert likely == sorted(likely)
    assert all(
        row["expected_early"] <= row["expected_late"] for row in rows if row["expected_late"]
    )
    assert main(given) == 2
    assert main([*given, "--overwrite"]) == 0


def test_a_report_on_a_run_says_what_waits_and_what_was_decided(ledger_run, capsys):
    capsys.readouterr()
    assert main(["report", str(ledger_run)]) == 0
    told = capsys.readouterr().out
    assert "waiting  USD 75.00 unidentified" in told
    assert "straight through  75.0 % (run)" in told
    assert "kept  100 % of 3 payments" in told
    (row,) = [line.split() for line in told.splitlines() if line.startswith("USD")]
    assert row == ["USD", "0.00", "0.00", "0.00", "80.00", "0.00", "0.00", "80.00"]


@pytest.fixture
def ledger_run(tmp_path):
    """A run of the posting page's example, and one item nobody paid."""
    text = (PAGE.parent / "posting.md").read_text("utf-8")
    files = dict(re.findall(r"<!-- file (\S+csv) -->\n```csv\n(.*?)```", text, re.DOTALL))
    files["open_items.csv"] += "4799,1000,C-ACME,INV-9,USD,80.00,2026-07-01,2026-07-31,,\n"
    given = []
    for name in ("payments", "open_items", "customers"):
        (tmp_path / f"{name}.csv").write_text(files[f"{name}.csv"])
        given += [f"--{name.replace('_', '-')}", str(tmp_path / f"{name}.csv")]
    assert main(["match", *given, "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run"


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ([], 2, "nothing to report on"),
        (["--open-items", "{tmp}/items.csv"], 2, "give --as-of"),
        (["--history", "{tmp}/none.csv"], 66, "no such file"),
        (["--history", "{tmp}/bad.csv"], 65, "required column"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(tmp_path, capsys, given, code, said):
    (tmp_path / "bad.csv").write_text("a\n1\n")
    (tmp_path / "items.csv").write_text(
        "open_item_id,customer_id,document_number,currency,open_amount\nI,C,N,USD,1.00\n"
    )
    assert main(["report", *(one.replace("{tmp}", str(tmp_path)) for one in given)]) == code
    assert said in capsys.readouterr().err
