"""Documents, read by a reader that knows nothing of the adapters, move the very money decided."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parent))

from ledgers import random_book, small_book, truth
from readers import READERS, Items, lines

from adapters.accounts import read_determination
from adapters.catalogue import ADAPTERS, template
from adapters.documents import document_lines
from adapters.export import export_documents

NAMES = list(ADAPTERS)
NO_NEW_ITEMS = ("sap_advice",)
"""Adapters whose ERP makes the items of deductions by itself."""


def exported(book, name):
    return export_documents(book.given(), ADAPTERS[name], read_determination(template(name)))


def money_of(export, name, book):
    """What the reader sees in documents of payments (not of returns)."""
    returned = {one.payment_id for one in export.reversals}
    documents = tuple(one for one in export.documents if one.payment_id not in returned)
    files = ADAPTERS[name].files(documents)
    return READERS[name](lines(document_lines(documents)), files, Items(book))


def assert_same_money(book, name):
    export = exported(book, name)
    refused = [one.sentence for one in export.held if one.reason == "refused"]
    assert not [one for one in refused if "the payment that came back" not in one] or (
        name == "sap_advice"
    )
    posted = {one.payment_id for one in export.postings}
    found = money_of(export, name, book).cleaned()
    meant = truth(book, posted).cleaned()
    if name in NO_NEW_ITEMS:
        found.pop("moved"), meant.pop("moved")
    assert found == meant


@pytest.mark.parametrize("name", NAMES)
def test_the_small_book_moves_the_same_money(name):
    assert_same_money(small_book(), name)


@pytest.mark.parametrize("name", NAMES)
@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_any_book_moves_the_same_money(name, seed):
    assert_same_money(random_book(seed), name)


@pytest.mark.parametrize("name", NAMES)
def test_every_adapter_has_a_reader_of_its_own(name):
    assert name in READERS


@pytest.mark.parametrize("name", NAMES)
def test_the_same_payments_give_the_same_bytes_in_any_order(name):
    book = random_book(7)
    first = exported(book, name)
    for rows in (book.items, book.payments, book.outcomes, book.applications, book.reversals):
        rows.reverse()
    second = exported(book, name)
    assert document_lines(first.documents) == document_lines(second.documents)
    assert ADAPTERS[name].files(first.documents) == ADAPTERS[name].files(second.documents)


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_known_before_they_are_needed(name):
    sent = set()
    for document in exported(random_book(11, payments=40), name).documents:
        assert document.document_id not in sent
        assert set(document.needs) <= sent
        sent.add(document.document_id)
    assert len(sent) > 30
