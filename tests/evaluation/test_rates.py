"""Straight-through rates, precision and recall: counted again row by row, in plain Python."""

from __future__ import annotations

import csv
from collections import defaultdict
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from tests.evaluation.conftest import matched_world
from tieout.evaluation import evaluate_runs

AMOUNTS = ("amount_applied", "discount_taken", "deduction_amount", "write_off_amount")
TRUE = ("cash", "discount", "deduction", "write_off")
NO_RECEIVABLE = ("IN-NONAR", "IN-DUPPAY", "IN-DUPFILE", "RET-")


class Slow:
    """A world and its run as rows; every question is a loop over them."""

    def __init__(self, world):
        with (world / "truth_payments.csv").open(encoding="utf-8") as file:
            self.truth = {row["key"]: row for row in csv.DictReader(file)}
        self.true_rows = defaultdict(dict)
        with (world / "truth.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                amounts = [Decimal(row[name] or 0) for name in TRUE]
                self.true_rows[row["key"]][row["open_item_id"]] = amounts
        self.payments = {}
        key_of = {}
        for row in pq.read_table(world / "run" / "payments.parquet").to_pylist():
            reference = row["bank_reference"] or ""
            digits = reference[2:] if reference.startswith("BK") else row["check_number"]
            key = digits[-9:].zfill(9)
            self.payments[key] = row
            key_of[row["payment_id"]] = key
        self.rows = defaultdict(list)
        for row in pq.read_table(world / "run" / "applications.parquet").to_pylist():
            if row["decision"] == "auto":
                self.rows[key_of[row["payment_id"]]].append(row)

    def is_right(self, key, row):
        true = self.true_rows[key].get(row["open_item_id"])
        if true is None:
            return False
        cash, discount, deduction, write_off = (row[name] or Decimal(0) for name in AMOUNTS)
        return (
            cash == true[0]
            and discount in (0, true[1])
            and abs(deduction) <= abs(true[2])
            and abs(write_off) <= abs(true[3])
        )

    def is_receivable(self, key):
        payment, true = self.payments[key], self.true_rows[key]
        other = any(code in self.truth[key]["expected_codes"] for code in NO_RECEIVABLE)
        gone = payment["status"] in ("non_ar", "returned", "reversed")
        return payment["amount"] > 0 and not ((other or gone) and not true)

    def decided(self, key):
        payment = self.payments[key]
        return (payment["applied_amount"] or 0) + (payment["on_account_amount"] or 0)

    def through(self, keys, strategy=None):
        """What `StraightThrough` says: of `keys`, by all strategies or by one."""
        kept = [key for key in keys if self.is_receivable(key)]
        whole = lines = all_lines = 0
        value, cash = defaultdict(Decimal), defaultdict(Decimal)
        for key in kept:
            payment = self.payments[key]
            mine = [row for row in self.rows[key] if strategy in (None, row["strategy"])]
            decided = self.decided(key)
            if decided == payment["amount"] and (mine or strategy is None):
                whole += 1
            lines += len(mine)
            wrong = [row for row in self.rows[key] if not self.is_right(key, row)]
            all_lines += len(self.true_rows[key]) + len(wrong)
            part = sum(row["amount_applied"] for row in mine) if strategy else decided
            value[payment["currency"]] += part
            cash[payment["currency"]] += payment["amount"]
        return (whole, len(kept)), (lines, all_lines), {n: (value[n], cash[n]) for n in cash}

    def precision(self, keys, strategy=None):
        """Rows right, rows applied, rows of the truth; cash right and applied per currency."""
        right = rows = true = 0
        money = defaultdict(lambda: [Decimal(0), Decimal(0)])
        for key in keys:
            true += len(self.true_rows[key])
            for row in self.rows[key]:
                if strategy in (None, row["strategy"]):
                    is_right = self.is_right(key, row)
                    right, rows = right + is_right, rows + 1
                    cash = money[self.payments[key]["currency"]]
                    cash[0] += abs(row["amount_applied"]) if is_right else 0
                    cash[1] += abs(row["amount_applied"])
        return right, rows, true, {name: tuple(two) for name, two in money.items()}


def counted(proportion):
    return proportion.hits, proportion.total


def money(shares):
    """Currencies with any cash, as decimals."""
    pairs = {name: (Decimal(one.part), Decimal(one.whole)) for name, one in shares.items()}
    return {name: pair for name, pair in pairs.items() if pair[1]}


def told(through):
    return counted(through.by_payment), counted(through.by_line), money(through.by_value)


@pytest.fixture(scope="module", params=["dense_numbers", "exceptions"])
def judged(request, tmp_path_factory):
    """A world, its evaluation, and the same world as rows; one run has rows that are wrong."""
    place = matched_world(request.param, 43, 500, tmp_path_factory.mktemp(request.param))
    path = place / "run" / "applications.parquet"
    table = pq.read_table(path)
    rows = table.to_pylist()
    spoilt = [row for row in rows if row["decision"] == "auto"][::25]
    for row in spoilt:
        row["amount_applied"] += Decimal("0.01")
    pq.write_table(table.from_pylist(rows, schema=table.schema), path)
    assert len(spoilt) > 5
    return evaluate_runs([place / "run"], place).evaluation, Slow(place)


def test_rates_of_everything(judged):
    ours, slow = judged
    everything = list(slow.truth)
    assert slow.through(everything) == (
        counted(ours.straight_through_by_payment),
        counted(ours.straight_through_by_line),
        money(ours.straight_through_by_value),
    )
    right, rows, true, cash = slow.precision(everything)
    assert counted(ours.precision.precision_by_line) == (right, rows)
    assert counted(ours.precision.recall_by_line) == (right, true)
    assert money(ours.precision.precision_by_value) == cash
    assert ours.wrong.hits > 0


def test_rates_of_every_scenario(judged):
    ours, slow = judged
    assert len(ours.scenarios) > 20
    for one in ours.scenarios:
        keys = [key for key, row in slow.truth.items() if row["scenario"] == one.scenario]
        assert told(one.straight_through) == slow.through(keys), one.scenario
        right, rows, true, cash = slow.precision(keys)
        assert counted(one.precision.precision_by_line) == (right, rows)
        assert counted(one.precision.recall_by_line) == (right, true)
        assert money(one.precision.precision_by_value) == cash


def test_rates_of_every_strategy(judged):
    ours, slow = judged
    everything = list(slow.truth)
    deciding = [one for one in ours.strategies if one.automatic.total]
    assert len(deciding) > 2
    for one in deciding:
        assert told(one.straight_through) == slow.through(everything, one.strategy), one.strategy
        right, rows, true, cash = slow.precision(everything, one.strategy)
        assert counted(one.precision_by_line) == (right, rows)
        assert counted(one.recall_by_line) == (right, true)
        assert money(one.precision_by_value) == cash


def test_lines_of_all_strategies_are_all_lines(judged):
    ours, _ = judged
    whole = ours.straight_through_by_line
    parts = [one.straight_through.by_line for one in ours.strategies]
    assert sum(part.hits for part in parts) == whole.hits
    assert {part.total for part in parts} == {whole.total}
