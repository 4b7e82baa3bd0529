"""What ERPs answer, read back as confirmed or failed, in plain words."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from ledgers import small_book

from adapters.accounts import read_determination
from adapters.answers import payment_states, read_answers
from adapters.catalogue import ADAPTERS, template
from adapters.errors import AnswerError
from adapters.export import export_documents

FAILURES = [
    (
        "sap",
        200,
        {
            "TYPE": "E",
            "ID": "F5",
            "NUMBER": "201",
            "MESSAGE": "Posting period 009 2026 is not open",
        },
        "The posting period is closed",
        False,
    ),
    (
        "sap",
        200,
        [
            {"TYPE": "S"},
            {
                "TYPE": "A",
                "ID": "F5",
                "NUMBER": "263",
                "MESSAGE": "The difference is too large for clearing",
            },
        ],
        "What the document clears",
        False,
    ),
    (
        "oracle_fusion",
        400,
        {
            "title": "Bad Request",
            "detail": "The accounting date is not in an open period",
            "o:errorCode": "AR-855041",
        },
        "The accounting date lies",
        False,
    ),
    (
        "netsuite",
        400,
        {
            "title": "Bad Request",
            "o:errorDetails": [
                {"detail": "Invalid entity reference key 17", "o:errorCode": "INVALID_KEY_OR_REF"}
            ],
        },
        "An id of the document is unknown",
        False,
    ),
    (
        "netsuite",
        429,
        {
            "o:errorDetails": [
                {
                    "detail": "Concurrent request limit exceeded",
                    "o:errorCode": "CONCURRENCY_LIMIT_EXCEEDED",
                }
            ]
        },
        "NetSuite takes no more",
        True,
    ),
    (
        "dynamics_finance",
        400,
        {
            "error": {
                "code": "",
                "message": "Error",
                "innererror": {
                    "message": "The transaction is marked for settlement by another journal"
                },
            }
        },
        "The invoice is marked",
        False,
    ),
    (
        "business_central",
        400,
        {"error": {"code": "Internal", "message": "Applies-to Doc. No. INV-1 does not exist"}},
        "The invoice to be applied",
        False,
    ),
    (
        "odoo",
        422,
        {
            "name": "odoo.exceptions.UserError",
            "message": "You are trying to reconcile some entries that are already reconciled.",
            "arguments": [],
            "debug": "",
        },
        "The invoice is reconciled already",
        False,
    ),
    (
        "erpnext",
        417,
        {
            "exc_type": "ValidationError",
            "exception": "Row #1: Allocated Amount cannot be greater than outstanding amount",
        },
        "The invoice has less open",
        False,
    ),
    (
        "quickbooks",
        400,
        {
            "Fault": {
                "Error": [
                    {"Message": "Stale Object Error", "Detail": "edited by x", "code": "5010"}
                ],
                "type": "ValidationFault",
            }
        },
        "Somebody changed the record",
        True,
    ),
    (
        "xero",
        400,
        {
            "ErrorNumber": 10,
            "Type": "ValidationException",
            "Message": "A validation exception occurred",
            "Elements": [
                {"ValidationErrors": [{"Message": "Payment exceeds the amount outstanding"}]}
            ],
        },
        "The invoice has less open",
        False,
    ),
    ("xero", 503, "", "The ERP could not answer just now", True),
    (
        "quickbooks",
        401,
        {"Fault": {"Error": [{"Message": "AuthenticationFailed", "code": "3200"}]}},
        "may not post there",
        False,
    ),
    (
        "netsuite",
        400,
        {"title": "Bad Request", "detail": "Something new", "o:errorCode": "NOVEL"},
        "The ERP refused the document",
        False,
    ),
]
CONFIRMED = [
    ("sap", 200, {"TYPE": "S", "BELNR": "1400000017"}, "1400000017"),
    ("oracle_fusion", 201, {"StandardReceiptId": 1, "ReceiptNumber": "T1"}, "T1"),
    ("netsuite", 204, None, ""),
    ("business_central", 201, {"id": "5d1f"}, "5d1f"),
    ("odoo", 200, [41], "41"),
    ("erpnext", 200, {"data": {"name": "ACC-PAY-2026-00012"}}, "ACC-PAY-2026-00012"),
    ("quickbooks", 200, {"Payment": {"Id": "163", "SyncToken": "0"}}, "163"),
    ("xero", 200, {"BatchPayments": [{"BatchPaymentID": "b4"}]}, "b4"),
    (
        "netsuite",
        400,
        {"o:errorDetails": [{"detail": "This record already exists", "o:errorCode": "DUP_RCRD"}]},
        "",
    ),
    ("erpnext", 409, {"exc_type": "UniqueValidationError", "exception": "must be unique"}, ""),
]


def documents_of(name):
    determination = read_determination(template(name))
    return export_documents(small_book().given(), ADAPTERS[name], determination).documents


def answer(identity, status, body):
    return json.dumps({"document_id": identity, "status": status, "body": body}).encode() + b"\n"


@pytest.mark.parametrize(("name", "status", "body", "sentence", "again"), FAILURES)
def test_a_failure_is_told_in_plain_words(name, status, body, sentence, again):
    documents = documents_of(name)
    content = answer(documents[0].document_id, status, body)
    (read,) = read_answers(content, "answers.jsonl", name, documents)
    assert read.state == "post_failed"
    assert read.sentence.startswith(sentence) or sentence in read.sentence
    assert read.hint
    assert read.is_retryable is again


@pytest.mark.parametrize(("name", "status", "body", "document"), CONFIRMED)
def test_a_document_that_stands_is_confirmed(name, status, body, document):
    documents = documents_of(name)
    content = answer(documents[0].document_id, status, body)
    (read,) = read_answers(content, "answers.jsonl", name, documents)
    assert (read.state, read.erp_document) == ("confirmed", document)


def test_a_payment_is_confirmed_when_all_its_documents_are():
    documents = documents_of("netsuite")
    of_p2 = [one.document_id for one in documents if one.payment_id == "P2"]
    assert len(of_p2) == 2
    content = b"".join(answer(one, 204, None) for one in of_p2)
    content += answer(documents[0].document_id, 500, "down")
    answers = read_answers(content, "a.jsonl", "netsuite", documents)
    states = {one.payment_id: one for one in payment_states(documents, answers)}
    assert states["P2"].state == "confirmed"
    assert (states["P1"].state, states["P3"].state) == ("post_failed", "waiting")
    assert states["P1"].hint.startswith("Send the document again later")


def test_the_last_answer_to_a_document_counts():
    documents = documents_of("xero")
    identity = documents[0].document_id
    content = answer(identity, 503, "") + answer(identity, 200, {})
    (read,) = read_answers(content, "a.jsonl", "xero", documents)
    assert read.state == "confirmed"


def test_a_table_of_answers_is_read_too():
    documents = documents_of("journal")
    first, second = documents[0].document_id, documents[1].document_id
    table = (
        "document_id,state,document,code,message\n"
        f"{first},confirmed,JE-1,,\n{second},post_failed,,LOCK,period is locked\n"
    )
    read = read_answers(table.encode(), "answers.csv", "journal", documents)
    assert [(one.state, one.erp_document, one.message) for one in read] == [
        ("confirmed", "JE-1", ""),
        ("post_failed", "", "period is locked"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", b"{", "line 1 is no answer"),
        ("a.jsonl", answer("unknown", 200, None), "'unknown' is no document of this export"),
        ("a.csv", b"document_id\nx\n", "the column 'state' is missing"),
        ("a.csv", b"document_id,state\nx,done\n", "'done' is neither confirmed nor post_failed"),
    ],
)
def test_answers_that_are_none_are_refused(name, content, said):
    with pytest.raises(AnswerError, match=said):
        read_answers(content, name, "journal", documents_of("journal"))
