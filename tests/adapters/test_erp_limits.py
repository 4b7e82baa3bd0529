"""What each ERP takes, field by field and document by document; longer ones are cut or refused."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from ledgers import Book, small_book
from readers import lines

from adapters import limits
from adapters.accounts import read_determination
from adapters.catalogue import ADAPTERS, template
from adapters.documents import document_lines
from adapters.export import export_documents

LETTERS = {
    "sap": {
        "BKPF-XBLNR": limits.SAP_REFERENCE_LETTERS,
        "BKPF-BKTXT": limits.SAP_HEADER_TEXT_LETTERS,
        "BSEG-ZUONR": limits.SAP_ASSIGNMENT_LETTERS,
        "BSEG-SGTXT": limits.SAP_TEXT_LETTERS,
    },
    "oracle_fusion": {
        "ReceiptNumber": limits.ORACLE_RECEIPT_LETTERS,
        "CustomerReason": limits.ORACLE_REASON_LETTERS,
        "ReferenceNumber": limits.ORACLE_REFERENCE_LETTERS,
    },
    "dynamics_finance": {
        "JournalBatchNumber": limits.D365_BATCH_LETTERS,
        "PaymentReference": limits.D365_BATCH_LETTERS,
        "TransactionText": limits.D365_TEXT_LETTERS,
    },
    "business_central": {
        "documentNumber": limits.BUSINESS_CENTRAL_DOCUMENT_LETTERS,
        "appliesToInvoiceNumber": limits.BUSINESS_CENTRAL_DOCUMENT_LETTERS,
        "externalDocumentNumber": limits.BUSINESS_CENTRAL_EXTERNAL_LETTERS,
        "description": limits.BUSINESS_CENTRAL_TEXT_LETTERS,
    },
    "quickbooks": {
        "PaymentRefNum": limits.QUICKBOOKS_REFERENCE_LETTERS,
        "DocNumber": limits.QUICKBOOKS_REFERENCE_LETTERS,
        "PrivateNote": limits.QUICKBOOKS_NOTE_LETTERS,
    },
    "xero": {"Reference": limits.XERO_REFERENCE_LETTERS},
}
NUMBERS_MAX = {
    "sap": limits.SAP_REFERENCE_LETTERS,
    "oracle_fusion": limits.ORACLE_REFERENCE_LETTERS,
    "business_central": limits.BUSINESS_CENTRAL_DOCUMENT_LETTERS,
}
"""Letters of an invoice's number where the ERP finds the invoice by it."""


def exported(book, name):
    return export_documents(book.given(), ADAPTERS[name], read_determination(template(name)))


def wordy_book():
    """The small book where payers, references and reasons are longer than any field."""
    book = small_book()
    for row in book.payments:
        row |= {"payer_name": "Orchard Supply " * 400, "bank_reference": row["payment_id"] * 300}
    for row in book.applications:
        if row.get("deduction_minor"):
            row["deduction_reason"] = "damaged in transit " * 20
    return book


def fields(value):
    """Every (name, text) of a body; SAP's tables name their fields in a column."""
    if isinstance(value, dict):
        if "FNAM" in value:
            yield value["FNAM"], value["FVAL"]
            return
        for name, inner in value.items():
            yield from fields(inner)
            if isinstance(inner, str):
                yield name, inner
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner)


@pytest.mark.parametrize("name", LETTERS)
def test_no_field_is_longer_than_the_erp_takes(name):
    found = {}
    for one in lines(document_lines(exported(wordy_book(), name).documents)):
        for field, text in fields(one["body"]):
            found[field] = max(found.get(field, 0), len(text))
    assert set(LETTERS[name]) <= set(found)
    too_long = {field: found[field] for field, most in LETTERS[name].items() if found[field] > most}
    assert not too_long


@pytest.mark.parametrize("name", NUMBERS_MAX)
def test_a_number_the_erp_cannot_look_up_is_refused_and_never_cut(name):
    most = NUMBERS_MAX[name]
    book = Book()
    book.item("I1", "C1", "N" * most, 100_00)
    book.item("I2", "C1", "N" * most + "1", 100_00)
    book.payment("P1", "C1", 100_00, [("I1", 100_00, {})])
    book.payment("P2", "C1", 100_00, [("I2", 100_00, {})])
    export = exported(book, name)
    assert [one.payment_id for one in export.postings] == ["P1"]
    (held,) = export.held
    assert (held.payment_id, held.reason, held.open_item_id) == ("P2", "refused", "I2")
    assert str(most) in held.sentence


def test_a_line_of_business_central_applies_to_one_invoice_and_a_payment_is_one_document():
    bodies = [
        one["body"]
        for one in lines(document_lines(exported(small_book(), "business_central").documents))
    ]
    named = [one["appliesToInvoiceNumber"] for one in bodies if "appliesToInvoiceNumber" in one]
    assert len(named) > 2
    assert all(isinstance(one, str) for one in named)
    assert len({one["documentNumber"] for one in bodies}) < len(bodies)


def test_a_request_to_xero_is_one_batch_so_that_none_is_answered_in_part():
    sent = [
        one
        for one in lines(document_lines(exported(small_book(), "xero").documents))
        if one["kind"] == "batch_payment"
    ]
    assert sent
    assert {(one["method"], one["path"]) for one in sent} == {("PUT", "/api.xro/2.0/BatchPayments")}
    assert all(one["body"]["Payments"] for one in sent)


def test_odoo_is_spoken_to_by_its_json_api_and_never_by_rpc():
    sent = lines(document_lines(exported(small_book(), "odoo").documents))
    assert sent
    assert all(one["path"].startswith("/json/2/") and one["method"] == "POST" for one in sent)


def test_quickbooks_voids_what_it_has_now_and_nothing_older():
    book = Book()
    book.item("I1", "C1", "INV-1", 100_00)
    book.payment("P1", "C1", 100_00, [("I1", 100_00, {})])
    book.comes_back("P2", "P1")
    voided = [
        one["body"]
        for one in lines(document_lines(exported(book, "quickbooks").documents))
        if "SyncToken" in one["body"]
    ]
    assert voided
    assert all(one["SyncToken"]["field"].endswith("SyncToken") for one in voided)


def test_the_interface_of_sap_is_told_to_clear_incoming_payments():
    calls = [
        one["body"]
        for one in lines(document_lines(exported(small_book(), "sap").documents))
        if one["body"].get("T_FTCLEAR")
    ]
    assert calls
    assert {(one["I_AUGLV"], one["I_TCODE"], one["I_SGFUNCT"]) for one in calls} == {
        ("EINGZAHL", "FB05", "C")
    }
