"""Calls that share a pass: what each is answered is of its own rows, to the last byte."""

from __future__ import annotations

import pyarrow as pa
import pytest

from bench.serving_world import make_customers, make_items, make_payments
from engine.batches import BankAccountBatch, PaymentBatch
from engine.policy import PolicyBook
from engine.resident import build_resident
from rpc.conversions import REQUEST_TABLES, encode_table
from rpc.jobs import ResidentMatchJob, ResidentRequest
from rpc.resident_match_job import run_resident_match
from tieout.v1 import match_service_pb2, rows_pb2

ITEMS, CALLS = 2_000, 12
PAYMENTS = {kind.field: kind for kind in REQUEST_TABLES}["payments"]


@pytest.fixture(scope="module")
def world():
    items, customers = make_items(ITEMS), make_customers(ITEMS // 20)
    resident = build_resident(items, customers, BankAccountBatch.empty(), PolicyBook())
    return resident, make_payments(items, customers, CALLS, seed=3)


def answers_of(world, encoding):
    """The encoded answer of each call of a pass, and the calls' payments."""
    resident, payments = world
    own = [payments.slice(row, 1) for row in range(len(payments))]
    requests = [
        match_service_pb2.MatchResidentPaymentsRequest(
            payments=encode_table(PAYMENTS, one, arrow=encoding == rows_pb2.ROW_ENCODING_ARROW),
            row_encoding=encoding,
        ).SerializeToString()
        for one in own
    ]
    job = ResidentMatchJob(
        snapshot_path="",
        snapshot_version=1,
        requests=[ResidentRequest(one, explain=False, companies=None) for one in requests],
        may_postpone=False,
    )
    done = run_resident_match(job, resident)
    assert [answer.failure for answer in done.answers] == [None] * len(own)
    return [answer.response for answer in done.answers], requests


@pytest.mark.parametrize("encoding", [rows_pb2.ROW_ENCODING_ARROW, rows_pb2.ROW_ENCODING_MESSAGES])
def test_no_byte_of_an_answer_is_of_another_callers_rows(world, encoding):
    answers, requests = answers_of(world, encoding)
    ids = [one.encode() for one in world[1].strings("payment_id")]
    for row, (answer, request) in enumerate(zip(answers, requests, strict=True)):
        for place, payment in enumerate(ids):
            assert (payment in answer) == (place == row)
            assert (payment in request) == (place == row)


def test_an_arrow_table_holds_the_bytes_of_its_rows_only():
    payments = PaymentBatch.from_columns(
        {"payment_id": pa.array(["MINE", "ANOTHERS-PAYMENT"]), "amount_minor": pa.array([1, 2])}
    )
    own = encode_table(PAYMENTS, payments.slice(0, 1), arrow=True).arrow.ipc_stream
    assert b"MINE" in own
    assert b"ANOTHERS" not in own
