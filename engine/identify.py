"""Who paid: the customer behind each payment, with the kind of evidence and its reliability.

Evidence is tried from strong to weak (account, customer number, exact name, words of the name,
clipped name, misspelt name). Stronger evidence is never overridden by weaker; where two kinds name
different families the payment keeps both and is marked as a conflict for the stages behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process

from engine.customer_directory import ANY_COMPANY, company_key, normalise_accounts
from engine.names import NormalNames, normalise_names, search_names
from engine.owner_table import NOBODY, SEVERAL, OwnerTable
from engine.segments import expand_ranges
from engine.tokens import scan_words, text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import BankAccountBatch, PaymentBatch
    from engine.customer_directory import CustomerDirectory
    from engine.reference_slots import ReferenceSlots

__all__ = [
    "IDENTIFIED_BY",
    "RELIABILITY",
    "Payers",
    "companies_of",
    "confirm_by_name",
    "identify_payers",
]

IDENTIFIED_BY: Final = (
    "",
    "bank_account",
    "customer_number",
    "name",
    "name_without_form",
    "name_words",
    "name_clipped",
    "name_misspelt",
    "references",
)
"""Kinds of payer evidence; a payment's `by` is an index into it."""

RELIABILITY: Final = np.array([0.0, 0.9999, 0.999, 0.9995, 0.999, 0.997, 0.99, 0.99, 0.995])
"""Probability that evidence of a kind names the right customer, before amounts are looked at.
Estimates from generated worlds with 30 % unknown payers; kinds below 1 are always corroborated."""

_ACCOUNT, _NUMBER, _NAME, _CORE, _WORDS, _CLIPPED, _MISSPELT = range(1, 8)
_CLIPPED_LENGTH_MIN = 12
_NUMBER_DIGITS_MIN = 4
_SIMILAR, _SIMILAR_PART, _SIMILAR_LENGTH_MIN = 82, 95, 8


class Payers(msgspec.Struct, frozen=True, kw_only=True):
    """Per payment: company code (-1 unknown), payer (customer number or -1), kind of evidence.

    several: the evidence fits more than one customer; conflict: account and name name different
    families, `rival` is what the name says; new_account: a known payer with accounts on file paid
    from another one; namesake: a customer has this name with another legal form.
    """

    company: NDArray[np.int64]
    payer: NDArray[np.int64]
    by: NDArray[np.int64]
    several: NDArray[np.bool_]
    conflict: NDArray[np.bool_]
    rival: NDArray[np.int64]
    new_account: NDArray[np.bool_]
    namesake: NDArray[np.bool_]


def companies_of(
    payments: PaymentBatch, bank_accounts: BankAccountBatch, companies: list[str]
) -> NDArray[np.int64]:
    """Company code of each payment: as given, else by our bank account or lockbox, else -1."""
    codes = {name: code for code, name in enumerate(companies)}
    owner_names = bank_accounts.strings("company_id")
    owners = np.array([codes.get(name, NOBODY) for name in owner_names], dtype=np.int64)
    ours = pa.concat_arrays(
        [normalise_accounts(bank_accounts.text("bank_account")), bank_accounts.text("lockbox")]
    )
    by_account = OwnerTable.of(ours, np.tile(owners, 2)) if len(ours) else None
    given = payments.text("company_id")
    known = OwnerTable.of(pa.array(companies, pa.string()), np.arange(len(companies)))
    company = known.look_up(given)
    if by_account is not None:
        account = payments.text("bank_account")
        found = by_account.look_up(normalise_accounts(account))
        found = np.where(found < 0, by_account.look_up(account), found)
        company = np.where(company < 0, found, company)
    elif len(companies) == 1:
        company = np.where(company < 0, 0, company)
    return np.maximum(company, NOBODY)


def identify_payers(
    payments: PaymentBatch, directory: CustomerDirectory, company: NDArray[np.int64]
) -> Payers:
    """The payer of each payment, from its account, the numbers in its text, and its name."""
    count = len(payments)
    scope = pa.array([*directory.companies, ANY_COMPANY], pa.string()).take(
        pa.array(np.where(company < 0, len(directory.companies), company))
    )
    accounts = normalise_accounts(payments.text("payer_account"))
    has_account = pc.not_equal(accounts, "").to_numpy(zero_copy_only=False)
    by_account = np.where(
        has_account, directory.accounts.look_up(company_key(scope, accounts)), NOBODY
    )
    by_number = _numbers_in_text(payments, directory, company)
    by_name, name_kind, namesake = _by_name(payments.text("payer_name"), directory, company)

    payer = np.full(count, NOBODY, dtype=np.int64)
    kind = np.zeros(count, dtype=np.int64)
    several = np.zeros(count, dtype=np.bool_)
    for found, kinds in (
        (by_account, np.full(count, _ACCOUNT)),
        (by_number, np.full(count, _NUMBER)),
        (by_name, name_kind),
    ):
        fresh = (payer < 0) & (found >= 0)
        payer = np.where(fresh, found, payer)
        kind = np.where(fresh, kinds, kind)
        several |= (payer < 0) & (found == SEVERAL)
    family = np.append(directory.family, [NOBODY, NOBODY])
    exact = (by_name >= 0) & (name_kind == _NAME)
    conflict = exact & (payer >= 0) & (family[payer] != family[by_name])
    known_elsewhere = np.append(directory.has_account, [False, False])[payer]
    return Payers(
        company=company,
        payer=payer,
        by=kind,
        several=several,
        conflict=conflict,
        rival=np.where(conflict, by_name, NOBODY),
        new_account=(kind != _ACCOUNT) & (payer >= 0) & has_account & known_elsewhere,
        namesake=namesake & (payer < 0),
    )


def confirm_by_name(
    slots: ReferenceSlots,
    payments: PaymentBatch,
    directory: CustomerDirectory,
    payer: NDArray[np.int64],
    customer_of_item: NDArray[np.int64],
) -> ReferenceSlots:
    """Where nobody is identified: a reference to an item of a customer with a similar name.

    Number and name together are evidence of the payer that neither is alone; such slots count as
    the payer's family from here on.
    """
    rows = np.flatnonzero((slots.item >= 0) & (payer[slots.payment] < 0))
    if not len(rows):
        return slots
    customer = customer_of_item[slots.item[rows]]
    known = directory.names.core
    by_owner = np.argsort(directory.name_owner, kind="stable")
    owners = directory.name_owner[by_owner]
    pair, position = expand_ranges(
        np.searchsorted(owners, customer, side="left"),
        np.searchsorted(owners, customer, side="right"),
    )
    names = normalise_names(payments.text("payer_name").take(pa.array(slots.payment[rows])))
    ours = names.core.take(pa.array(pair)).to_pylist()
    theirs = known.take(pa.array(by_owner[position])).to_pylist()
    whole = process.cpdist(ours, theirs, scorer=fuzz.ratio, dtype=np.uint8)
    part = process.cpdist(ours, theirs, scorer=fuzz.partial_ratio, dtype=np.uint8)
    long = pc.greater_equal(pc.utf8_length(names.core), _SIMILAR_LENGTH_MIN)
    similar = (whole >= _SIMILAR) | (
        (part >= _SIMILAR_PART) & long.to_numpy(zero_copy_only=False)[pair]
    )
    form, known_form = names.form[pair], directory.names.form[by_owner[position]]
    similar &= (form == 0) | (known_form == 0) | (form == known_form)
    similar &= pc.not_equal(names.core, "").to_numpy(zero_copy_only=False)[pair]
    agrees = np.zeros(len(rows), dtype=np.bool_)
    agrees[pair[similar]] = True
    family = slots.family.copy()
    family[rows[agrees]] = True
    return msgspec.structs.replace(slots, family=family)


def _numbers_in_text(
    payments: PaymentBatch, directory: CustomerDirectory, company: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Customer whose number stands as a word in the payment's text, if exactly one."""
    count = len(payments)
    text = pc.binary_join_element_wise(
        payments.text("remittance_text"), payments.text("customer_reference"), " "
    )
    ids = directory.customer_ids
    own = scan_words(*text_bytes(ids))
    whole = own.digit_count >= _NUMBER_DIGITS_MIN
    single = np.bincount(own.row, minlength=len(ids))[own.row] == 1 if len(own.row) else whole
    own_value, own_row = own.value[whole & single], own.row[whole & single]
    order = np.lexsort((own_row, own_value))
    own_value, own_row = own_value[order], own_row[order]
    word = scan_words(*text_bytes(text))
    low = np.searchsorted(own_value, word.value, side="left")
    high = np.searchsorted(own_value, word.value, side="right")
    least = np.full(count, np.iinfo(np.int64).max)
    most = np.full(count, -1, dtype=np.int64)
    # A number may be used by several companies; within one payment's company it is one customer.
    for step in range(int((high - low).max(initial=0))):
        live = np.flatnonzero(high - low > step)
        found = own_row[low[live] + step]
        row = word.row[live]
        fits = (company[row] < 0) | (directory.company[found] == company[row])
        np.minimum.at(least, row[fits], found[fits])
        np.maximum.at(most, row[fits], found[fits])
    return np.where(most < 0, NOBODY, np.where(least == most, most, SEVERAL))


def _by_name(
    payer_names: pa.StringArray, directory: CustomerDirectory, company: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Customer, kind of evidence and namesake mark per payment; each distinct name is read once."""
    scope = np.where(company < 0, len(directory.companies), company)
    keys = company_key(pa.array(scope).cast(pa.string()), payer_names).dictionary_encode()
    code = keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    parts = pc.split_pattern(keys.dictionary, "\x1f", max_splits=1)
    if not len(keys.dictionary):
        nothing = np.full(len(code), NOBODY, dtype=np.int64)
        return nothing, np.zeros(len(code), dtype=np.int64), np.zeros(len(code), dtype=np.bool_)
    names = normalise_names(pc.list_element(parts, 1))
    scopes = pc.list_element(parts, 0).cast(pa.int64()).to_numpy(zero_copy_only=False)
    owner, kind, namesake = _resolve_names(names, scopes, directory)
    return owner[code], kind[code], namesake[code]


def _resolve_names(
    names: NormalNames, scopes: NDArray[np.int64], directory: CustomerDirectory
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    known, owner_of = directory.names, directory.name_owner
    everywhere = len(directory.companies)
    known_scope = np.concatenate(
        [directory.company[owner_of], np.full(len(owner_of), everywhere, dtype=np.int64)]
    )
    owners = np.tile(owner_of, 2)
    count = len(names.full)
    owner = np.full(count, NOBODY, dtype=np.int64)
    kind = np.zeros(count, dtype=np.int64)
    blank = pc.equal(names.full, "").to_numpy(zero_copy_only=False)
    form = names.form

    def keyed(texts: pa.StringArray, scope: NDArray[np.int64]) -> pa.StringArray:
        return company_key(pa.array(scope).cast(pa.string()), texts)

    def doubled(texts: pa.StringArray) -> pa.StringArray:
        return keyed(pa.concat_arrays([texts, texts]), known_scope)

    def settle(found: NDArray[np.int64], code: int, allowed: NDArray[np.bool_]) -> None:
        fresh = (owner == NOBODY) & (found != NOBODY) & allowed & ~blank
        owner[fresh] = found[fresh]
        kind[fresh] = np.where(found[fresh] >= 0, code, 0)

    settle(
        OwnerTable.of(doubled(known.full), owners).look_up(keyed(names.full, scopes)), _NAME, ~blank
    )
    core = OwnerTable.of(doubled(known.core), owners).look_up(keyed(names.core, scopes))
    known_form = _forms_of_core(doubled(known.core), np.tile(known.form, 2))
    core_form = known_form.look_up(keyed(names.core, scopes))
    # A form on both sides must be the same one; none on either side contradicts nothing.
    compatible = (form == 0) | (core_form <= 0) | (core_form == form)
    namesake = (core >= 0) & ~compatible & (owner == NOBODY)
    settle(core, _CORE, compatible)
    words = OwnerTable.of(doubled(known.sorted_core()), owners).look_up(
        keyed(names.sorted_core(), scopes)
    )
    settle(words, _WORDS, (form == 0) & ~namesake)
    found = _clipped(names.full, scopes, doubled(known.full), owners)
    settle(found, _CLIPPED, (form == 0) & ~namesake)
    _settle_misspelt(names, scopes, directory, owner, kind, blank | namesake)
    return owner, kind, namesake


def _forms_of_core(keys: pa.StringArray, forms: NDArray[np.int64]) -> OwnerTable:
    """Legal form of each core name; `SEVERAL` (no constraint) where namesakes differ."""
    return OwnerTable.of(keys, forms)


def _clipped(
    full: pa.StringArray,
    scopes: NDArray[np.int64],
    known_keys: pa.StringArray,
    owners: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Owner of the only names that begin with the (clipped) text, at least 12 bytes long."""
    order = pc.array_sort_indices(known_keys)
    ordered = known_keys.take(order).to_numpy(zero_copy_only=False).astype(str)
    ordered_owner = owners[order.to_numpy(zero_copy_only=False)]
    query = company_key(pa.array(scopes).cast(pa.string()), full)
    text = query.to_numpy(zero_copy_only=False).astype(str)
    low = np.searchsorted(ordered, text, side="left")
    high = np.searchsorted(ordered, np.char.add(text, "\U0010ffff"), side="right")
    padded = np.append(ordered_owner, NOBODY)
    first, last = padded[low], padded[np.maximum(high, 1) - 1]
    long = pc.greater_equal(pc.binary_length(full), _CLIPPED_LENGTH_MIN)
    some = (high > low) & long.to_numpy(zero_copy_only=False)
    # Owners between first and last differ only where several customers share the beginning.
    spread = np.zeros(len(text), dtype=np.bool_)
    wide = np.flatnonzero(some & (high - low > 1))
    change = np.concatenate([[0], np.cumsum(ordered_owner[1:] != ordered_owner[:-1])])
    spread[wide] = change[high[wide] - 1] != change[low[wide]]
    found = np.where(spread, SEVERAL, np.where(first == last, first, SEVERAL))
    return np.where(some, found, NOBODY)


def _settle_misspelt(
    names: NormalNames,
    scopes: NDArray[np.int64],
    directory: CustomerDirectory,
    owner: NDArray[np.int64],
    kind: NDArray[np.int64],
    excluded: NDArray[np.bool_],
) -> None:
    """One typo (two in long names), and nobody else within two more: writes owner and kind."""
    length = pc.binary_length(names.core).to_numpy(zero_copy_only=False)
    todo = np.flatnonzero((owner == NOBODY) & ~excluded & (length >= 7))
    if not len(todo) or not len(directory.name_owner):
        return
    known, owner_of = directory.names, directory.name_owner
    everywhere = np.full(len(owner_of), len(directory.companies), dtype=np.int64)
    needs_everywhere = bool((scopes[todo] == len(directory.companies)).any())
    twice = 2 if needs_everywhere else 1
    known_scope = np.concatenate([directory.company[owner_of], everywhere][:twice])
    searched = pa.concat_arrays([known.core] * twice)
    owners = np.tile(owner_of, twice)
    match = search_names(
        names.core.take(pa.array(todo)), scopes[todo], searched, known_scope, owners
    )
    allowed = np.where(length[todo] >= 14, 2, 1)
    forms = np.append(np.tile(known.form, twice), 0)[match.row]
    form = names.form[todo]
    same_form = (form == 0) | (forms == 0) | (form == forms)
    near = (match.row >= 0) & (match.distance <= allowed) & same_form
    clear = match.runner_up >= match.distance + 2
    owner[todo[near & clear]] = owners[match.row[near & clear]]
    kind[todo[near & clear]] = _MISSPELT
    owner[todo[near & ~clear]] = SEVERAL
