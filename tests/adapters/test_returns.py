"""A payment that came back becomes the ERP's own reversal of what it was posted as."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from ledgers import Book, small_book
from readers import lines, minor, rows

from adapters.accounts import read_determination
from adapters.catalogue import ADAPTERS, template
from adapters.documents import document_lines
from adapters.export import export_documents

REVERSING = [name for name in ADAPTERS if name != "sap_advice"]


def exported(book, name):
    return export_documents(book.given(), ADAPTERS[name], read_determination(template(name)))


def of_payment(export, payment):
    return [one for one in lines(document_lines(export.documents)) if one["payment_id"] == payment]


@pytest.mark.parametrize("name", REVERSING)
def test_a_return_undoes_the_very_documents_of_its_original(name):
    export = exported(small_book(), name)
    posted = {one.document_id for one in export.documents if one.payment_id == "P3"}
    undone = [one for one in export.documents if one.payment_id == "R1"]
    assert undone
    assert set().union(*(one.needs for one in undone)) & posted
    assert sum(one.cash_minor for one in undone) == -97_60


def test_the_journal_s_contra_entry_leaves_nothing_of_its_original():
    export = exported(small_book(), "journal")
    left = Counter()
    for row in rows(ADAPTERS["journal"].files(export.documents)["journal.csv"]):
        if row["payment_id"] in ("P3", "R1"):
            debit = minor(row["debit"], "USD") - minor(row["credit"], "USD")
            left[row["account"], row["open_item_id"]] += debit
    assert not any(left.values())


def earlier_book(**more):
    """A return of a payment an earlier run posted."""
    book = Book()
    book.item("I1", "C1", "INV-1", 0, original_minor=100_00, document_type="invoice", status="paid")
    book.payment("R1", "C1", -98_00, returned_minor=-98_00, status="returned")
    book.reversals.append(
        {
            "payment_id": "R1",
            "original_payment_id": "P1",
            "open_item_id": "I1",
            "currency": "USD",
            "amount_minor": 100_00,
        }
    )
    book.reversals[0] |= more
    return book


@pytest.mark.parametrize("name", REVERSING)
def test_a_return_of_an_earlier_run_finds_its_original_by_the_same_id(name):
    now = Book()
    now.item("I1", "C1", "INV-1", 100_00)
    now.payment("P1", "C1", 98_00, [("I1", 98_00, {"discount_minor": 2_00})])
    posted = {one.document_id for one in exported(now, name).documents}
    export = exported(earlier_book(), name)
    assert [one.payment_id for one in export.reversals] == ["R1"]
    text = document_lines(export.documents).decode()
    named = [one for one in posted if one in text]
    by_own_number = name in ("dynamics_finance", "business_central", "sap")
    assert named or by_own_number
    assert sum(one.cash_minor for one in export.documents) == -98_00


def test_sap_names_the_original_by_the_reference_it_was_posted_with():
    export = exported(small_book(), "sap")
    (posted,) = of_payment(export, "P3")
    (undone,) = of_payment(export, "R1")
    reference = {one["FNAM"]: one["FVAL"] for one in posted["body"]["T_FTPOST"]}["BKPF-XBLNR"]
    assert undone["body"]["XBLNR"] == reference
    assert undone["expects_minor"] == 97_60


def test_what_an_earlier_run_closed_beyond_cash_needs_an_account():
    export = exported(earlier_book(), "journal")
    (entry,) = of_payment(export, "R1")
    roles = {one["role"]: one for one in entry["body"]["lines"]}
    assert roles["returned"]["account"] == "4890"
    assert roles["returned"]["credit"] == minor("2.00", "USD") / 100
    bare = template("journal").replace('returned = "4890"', "")
    held = export_documents(earlier_book().given(), ADAPTERS["journal"], read_determination(bare))
    assert "add accounts.returned" in held.held[0].sentence


def test_a_part_that_came_back_is_for_a_person():
    book = Book()
    book.item("I1", "C1", "INV-1", 100_00)
    book.payment("P1", "C1", 100_00, [("I1", 100_00, {})])
    book.comes_back("R1", "P1")
    book.payments[1]["amount_minor"] = -40_00
    book.reversals[0]["amount_minor"] = 40_00
    (held,) = exported(book, "quickbooks").held
    assert "a part of payment P1 came back" in held.sentence


def test_a_return_nobody_knows_the_original_of_is_a_clerk_s():
    book = earlier_book()
    book.reversals.clear()
    (held,) = exported(book, "xero").held
    assert (held.reason, held.payment_id) == ("undecided", "R1")
