"""The names of payers beside those of customers: read once per distinct name and company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process

from engine.learned_facts import name_keys
from engine.name_evidence import CLIPPED, NameBook, NamesFound, NearNames
from engine.names import NormalNames, normalise_names
from engine.owner_table import NOBODY

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch
    from engine.customer_directory import CustomerDirectory
    from engine.learned_facts import LearnedFacts
    from engine.reference_slots import ReferenceSlots

__all__ = ["KnownNames", "confirm_by_name", "read_payer_names"]

_SIMILAR, _SIMILAR_PART, _SIMILAR_LENGTH_MIN = 82, 95, 8
_EVERYWHERE = -1
"""Scope of names looked for by payments whose company is not known."""


class KnownNames(msgspec.Struct, frozen=True):
    """The names of all customers, by company and, where asked for, once more for payments of
    companies nobody knows.
    """

    book: NameBook
    near: NearNames

    @classmethod
    def of(cls, directory: CustomerDirectory, *, everywhere: bool) -> KnownNames:
        """Index the names of `directory`; also `everywhere`, whatever their company."""
        owner, names = directory.name_owner, directory.names
        scope, count = directory.company[owner], len(owner)
        if everywhere:
            names = names.take(np.tile(np.arange(count), 2))
            scope = np.concatenate([scope, np.full(count, _EVERYWHERE, dtype=np.int64)])
            owner = np.tile(owner, 2)
        book = NameBook.of(names, scope, owner, count)
        return cls(book, NearNames.of(book))


class _Distinct(msgspec.Struct, frozen=True):
    """Distinct (name, scope) of payments, and which of them each payment has."""

    texts: pa.StringArray
    names: NormalNames
    scope: NDArray[np.int64]
    code: NDArray[np.int64]


def read_payer_names(
    payments: PaymentBatch,
    directory: CustomerDirectory,
    company: NDArray[np.int64],
    payer: NDArray[np.int64],
    learned: LearnedFacts,
    known: KnownNames,
) -> NamesFound:
    """Whose name each payment bears, among those `known`. `payer` is who paid by better evidence
    (-1 unknown): where the name is anything like that customer's, nobody else is looked for.
    """
    distinct = _distinct(payments, directory, company)
    found = known.book.look_up(distinct.names, distinct.scope)
    unread = (found.owner == NOBODY)[distinct.code]
    agrees = _agrees_with_payer(distinct, directory, payer, unread)
    searched = np.zeros(len(distinct.scope), dtype=np.bool_)
    searched[distinct.code[unread & ~agrees]] = True
    rows = searched.nonzero()[0]
    if len(rows):
        part = known.near.search(distinct.names.take(rows), distinct.scope[rows], found.at(rows))
        for name in found.__struct_fields__:
            getattr(found, name)[rows] = getattr(part, name)
    if len(learned.denied):
        denied = learned.deny(name_keys(distinct.texts), found.owner)
        found.owner[denied] = NOBODY
        found.kind[denied] = 0
    every = found.at(distinct.code)
    every.owner[agrees & (every.kind >= CLIPPED)] = NOBODY
    return every


def confirm_by_name(
    slots: ReferenceSlots,
    payments: PaymentBatch,
    directory: CustomerDirectory,
    family: NDArray[np.int64],
    customer_of_item: NDArray[np.int64],
) -> ReferenceSlots:
    """Where nobody is identified: a reference to an item of a customer with a similar name.

    Number and name together are evidence of the payer that neither is alone; such slots count as
    the payer's family from here on.
    """
    rows = ((slots.item >= 0) & (family[slots.payment] < 0)).nonzero()[0]
    if not len(rows):
        return slots
    encoded = payments.text("payer_name").take(pa.array(slots.payment[rows])).dictionary_encode()
    names = normalise_names(encoded.dictionary)
    code = encoded.indices.to_numpy(zero_copy_only=False)
    agrees = _similar(names, code, directory, customer_of_item[slots.item[rows]])
    confirmed = slots.family.copy()
    confirmed[rows[agrees]] = True
    return msgspec.structs.replace(slots, family=confirmed)


def _distinct(
    payments: PaymentBatch, directory: CustomerDirectory, company: NDArray[np.int64]
) -> _Distinct:
    texts = payments.text("payer_name").dictionary_encode()
    scopes = len(directory.companies) + 1
    scope = np.maximum(company, _EVERYWHERE)
    if (scope == scope[:1]).all():
        # Of one company: as many pairs as names.
        names = normalise_names(texts.dictionary)
        places = texts.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        return _Distinct(texts.dictionary, names, scope[:1].repeat(len(texts.dictionary)), places)
    code = texts.indices.to_numpy(zero_copy_only=False).astype(np.int64) * scopes
    code += scope - _EVERYWHERE
    pairs = pa.array(code).dictionary_encode()
    pair = pairs.dictionary.to_numpy(zero_copy_only=False)
    names = normalise_names(texts.dictionary)
    return _Distinct(
        texts.dictionary.take(pa.array(pair // scopes)),
        names.take(pair // scopes),
        pair % scopes + _EVERYWHERE,
        pairs.indices.to_numpy(zero_copy_only=False).astype(np.int64),
    )


def _agrees_with_payer(
    distinct: _Distinct,
    directory: CustomerDirectory,
    payer: NDArray[np.int64],
    unread: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Payments of a known payer whose name, not read as anybody's, is like the payer's."""
    agrees = np.zeros(len(payer), dtype=np.bool_)
    rows = (unread & (payer >= 0)).nonzero()[0]
    if not len(rows):
        return agrees
    key = distinct.code[rows] * (len(directory) + 1) + payer[rows]
    pairs = pa.array(key).dictionary_encode()
    pair = pairs.dictionary.to_numpy(zero_copy_only=False)
    name, customer = pair // (len(directory) + 1), pair % (len(directory) + 1)
    same = _similar(distinct.names, name, directory, customer)
    nameless = pc.equal(distinct.names.full, "").to_numpy(zero_copy_only=False)
    agrees[rows] = (same | nameless[name])[pairs.indices.to_numpy(zero_copy_only=False)]
    return agrees


def _similar(
    names: NormalNames,
    row: NDArray[np.int64],
    directory: CustomerDirectory,
    customer: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Whether name `row` is like any of the names of `customer`, legal forms not contradicting."""
    pair, theirs = directory.names_of(customer)
    core = names.core.take(pa.array(row[pair]))
    texts = core.to_pylist(), directory.names.core.take(pa.array(theirs)).to_pylist()
    whole = process.cpdist(*texts, scorer=fuzz.ratio, dtype=np.uint8)
    part = process.cpdist(*texts, scorer=fuzz.partial_ratio, dtype=np.uint8)
    long = pc.greater_equal(pc.utf8_length(core), _SIMILAR_LENGTH_MIN)
    like = (whole >= _SIMILAR) | ((part >= _SIMILAR_PART) & long.to_numpy(zero_copy_only=False))
    form, known_form = names.form[row[pair]], directory.names.form[theirs]
    like &= (form == 0) | (known_form == 0) | (form == known_form)
    like &= pc.not_equal(core, "").to_numpy(zero_copy_only=False)
    agrees = np.zeros(len(row), dtype=np.bool_)
    agrees[pair[like]] = True
    return agrees
