"""What a pass costs whoever is in it: counted in calls of functions, which no load changes.

A pass of one payment is nearly all cost of the pass. Where a bound is exceeded, something is done
for every pass that only some need, or that a snapshot could have ready.
"""

from __future__ import annotations

import sys

import pytest

from bench.serving_world import make_customers, make_items, make_payments
from engine.batches import BankAccountBatch
from engine.policy import PolicyBook
from engine.resident import build_resident
from rpc.conversions import REQUEST_TABLES, encode_table
from rpc.jobs import ResidentMatchJob, ResidentRequest
from rpc.resident_match_job import run_resident_match
from tieout.v1 import match_service_pb2 as contract

ITEMS = 4_000
PAYMENTS = {kind.field: kind for kind in REQUEST_TABLES}["payments"]


@pytest.fixture(scope="module")
def world():
    items, customers = make_items(ITEMS), make_customers(ITEMS // 20)
    resident = build_resident(items, customers, BankAccountBatch.empty(), PolicyBook())
    payments = make_payments(items, customers, 200, seed=1)
    requests = [
        ResidentRequest(
            contract.MatchResidentPaymentsRequest(
                payments=encode_table(PAYMENTS, payments.slice(row, 1), arrow=False)
            ).SerializeToString(),
            explain=False,
            companies=None,
        )
        for row in range(len(payments))
    ]
    return resident, requests


def calls_of(world, first, count):
    """Functions called, of Python and of libraries, by a pass of so many calls of one payment."""
    resident, requests = world
    job = ResidentMatchJob(
        snapshot_path="",
        snapshot_version=1,
        requests=requests[first : first + count],
        may_postpone=True,
    )
    seen = 0

    def note(frame, event, argument):
        del frame, argument
        nonlocal seen
        seen += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        done = run_resident_match(job, resident)
    finally:
        sys.setprofile(None)
    assert [answer.failure for answer in done.answers] == [None] * count
    return seen


def test_a_pass_of_one_payment_costs_little(world):
    calls_of(world, 0, 60)  # what is made once in a process is made
    alone = sorted(calls_of(world, row, 1) for row in range(60, 80))
    assert alone[len(alone) // 2] <= 4_900
    assert alone[-1] <= 6_300


def test_a_payment_more_costs_next_to_nothing(world):
    calls_of(world, 0, 60)
    assert calls_of(world, 60, 60) <= 12_800
