"""For every code that leaves a payment to a clerk: the one fact with which it would be decided."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest
from case_language import match_input_of, read_cases

from engine.exception_codes import EXCEPTION_CODES
from engine.matcher import match_payments
from engine.money import format_minor
from tieout.counterfactuals import what_ifs
from tieout.explanation import PaymentStory

NO_FACT = {
    "IN-DUPFILE": "is of a file",
    "IN-NONAR": "is no customer's payment",
    **dict.fromkeys(("RET-NSF", "RET-RECALL", "RET-NOPAYMENT", "RET-POSTED"), "is a return"),
    "RMT-ORPHAN": "is of an advice",
    "SYS-POSTFAIL": "is reserved",
}
"""Codes of what no fact would have applied to an item."""


def _quiet(stage: str, row_count: int) -> None:
    """Nobody watches."""


@cache
def _left_and_decided() -> tuple[dict[str, list], set[str]]:
    """By primary code the payments of all cases that were left (input, story); codes of others."""
    left: dict[str, list] = {}
    decided = set()
    for path in sorted(Path(__file__).parent.glob("*.txt")):
        for case in read_cases(path):
            given = match_input_of(case)
            result = match_payments(given, _quiet)
            outcomes = {row["payment_id"]: row for row in result.outcomes.record_batch.to_pylist()}
            rows = result.applications.record_batch.to_pylist()
            settled = {row["payment_id"] for row in rows if row["decision"] == "auto"}
            raised = result.exceptions.record_batch.to_pylist()
            for one in raised:
                if not one["payment_id"]:
                    continue
                if one["payment_id"] in settled:
                    decided.add(one["code"])
                elif one["is_primary"]:
                    alone, story = _story(given, outcomes[one["payment_id"]], rows, raised)
                    left.setdefault(one["code"], []).append((case.title, alone, story))
    return left, decided


def _story(given, outcome, rows, raised):
    """The payment of `outcome` by itself, and what a run directory would say of it."""
    name = outcome["payment_id"]
    payments = given.payments.record_batch.to_pylist()
    at = next(row for row, payment in enumerate(payments) if payment["payment_id"] == name)
    told = payments[at] | {key: value or None for key, value in outcome.items()}
    told["amount"] = format_minor(told["amount_minor"], told["currency"])
    mine = [row for row in rows if row["payment_id"] == name]
    story = PaymentStory(
        payment=told,
        applied=[],
        proposals=[row | {"evidence": json.loads(row["evidence"])} for row in mine],
        exceptions=[row for row in raised if row["payment_id"] == name],
        reversals=[],
        remittance_lines=[],
    )
    return msgspec.structs.replace(given, payments=given.payments.take([at])), story


@pytest.mark.parametrize("code", [code for code in EXCEPTION_CODES if code not in NO_FACT])
def test_some_fact_would_have_it_decided(code):
    left, decided = _left_and_decided()
    if code not in left:
        assert code in decided, f"{code} is on no payment of any case"
        return
    tried = []
    for title, given, story in left[code]:
        told = what_ifs(given, story)
        if told:
            assert all(one.condition and one.open_item_ids for one in told)
            return
        tried.append(title)
    pytest.fail(f"{code}: nothing would change {tried}")
