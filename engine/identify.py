"""Who paid: the customer behind each payment, with the kind of evidence and its reliability.

Evidence is tried from strong to weak; `IDENTIFIED_BY` is the order. Weaker evidence never overrides
stronger: where two kinds name customers that have nothing to do with each other the payment keeps
both and is a conflict for the stages behind. What only *suggests* a payer (a name that is like the
customer's, a fact nobody confirmed for long) is tentative: amounts may prove it, nothing else may
lean on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.customer_directory import ANY_COMPANY, company_key
from engine.learned_facts import name_keys
from engine.name_evidence import NAME
from engine.owner_table import NOBODY, SEVERAL, OwnerTable
from engine.payer_accounts import account_keys
from engine.payer_names import read_payer_names
from engine.reference_keys import joined_digits
from engine.row_texts import Names, as_column
from engine.segments import pick
from engine.text_columns import are_empty, blanks, is_empty, text_of
from engine.tokens import scan_words, text_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import BankAccountBatch, PaymentBatch
    from engine.customer_directory import CustomerDirectory, Relations
    from engine.learned_facts import LearnedFacts
    from engine.name_evidence import NamesFound
    from engine.payer_names import KnownNames

__all__ = [
    "FIRST_NAME",
    "IDENTIFIED_BY",
    "RELIABILITY",
    "CustomerNumbers",
    "OurAccounts",
    "Payers",
    "companies_of",
    "identify_payers",
    "in_no_list",
]

IDENTIFIED_BY: Final = (
    "",
    "virtual_account",
    "creditor_reference",
    "customer_number",
    "bank_account",
    "learned_account",
    "learned_alias",
    "account_number",
    "name",
    "name_without_form",
    "name_words",
    "name_clipped",
    "name_misspelt",
    "name_like",
    "references",
)
"""Kinds of payer evidence, strong to weak (`references`, found out behind, last); a payment's `by`
is an index into it."""

RELIABILITY: Final = np.array(
    [
        *(0.0, 0.9999, 0.9999, 0.999, 0.9999, 0.9995, 0.999, 0.999),
        *(0.9995, 0.999, 0.997, 0.99, 0.96, 0.93, 0.995),
    ]
)
"""Probability that evidence of a kind names the right customer, before amounts are looked at. Those
of names are measured with 30 % unknown payers (`docs/decisions/0011-payer-evidence.md`); kinds
below 1 are always corroborated."""

(
    _VIRTUAL,
    _CREDITOR,
    _CUSTOMER_NUMBER,
    _ACCOUNT,
    _LEARNED_ACCOUNT,
    _LEARNED_ALIAS,
    _ACCOUNT_NUMBER,
    FIRST_NAME,
) = range(1, 9)
"""Codes of the kinds up to the strongest one of names (`FIRST_NAME`)."""

_LIKE = IDENTIFIED_BY.index("name_like")
_NUMBER_DIGITS_MIN = 4


class Payers(msgspec.Struct, frozen=True, kw_only=True):
    """Per payment: company code (-1 unknown), payer (customer number or -1), kind of evidence.

    tentative: the payer is only suggested; stale: and by a fact too old to decide anything;
    several: the evidence fits more than one customer; conflict: two kinds of evidence name two
    unrelated customers, `rival` is the other one and `rival_by` its kind, also where several fit;
    nearest: of a payer unknown or only suggested the customer nearest to it (-1 none);
    new_account: a known payer with accounts on file paid from one that is nobody's;
    namesake: a customer has this name with another legal form.
    """

    company: NDArray[np.int64]
    payer: NDArray[np.int64]
    by: NDArray[np.int64]
    tentative: NDArray[np.bool_]
    stale: NDArray[np.bool_]
    several: NDArray[np.bool_]
    conflict: NDArray[np.bool_]
    rival: NDArray[np.int64]
    rival_by: NDArray[np.int64]
    nearest: NDArray[np.int64]
    new_account: NDArray[np.bool_]
    namesake: NDArray[np.bool_]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Payments whose payer is more than suggested."""
        return (self.payer >= 0) & ~self.tentative


class _Evidence(msgspec.Struct, frozen=True):
    """One kind: per payment the kind's code, the customer (`NOBODY`, `SEVERAL`), two to name."""

    by: NDArray[np.int64]
    found: NDArray[np.int64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]


class OurAccounts(msgspec.Struct, frozen=True):
    """Our own bank accounts: their keys, the companies that own some, and by account or lockbox
    which of those.
    """

    keys: pa.StringArray
    companies: list[str]
    owners: OwnerTable

    @classmethod
    def of(cls, bank_accounts: BankAccountBatch) -> OurAccounts:
        """Index `bank_accounts`."""
        code, companies = bank_accounts.codes("company_id")
        keys = account_keys(bank_accounts.text("bank_account")).whole
        both = pa.concat_arrays([keys, bank_accounts.text("lockbox")])
        return cls(keys, companies, OwnerTable.of(both, np.tile(code, 2)))


def companies_of(
    payments: PaymentBatch, ours: OurAccounts, companies: list[str]
) -> NDArray[np.int64]:
    """Company code of each payment: as given, else by our bank account or lockbox, else -1."""
    codes = {name: code for code, name in enumerate(companies)}
    given, names = payments.codes("company_id")
    company = np.array([codes.get(name, NOBODY) for name in names], dtype=np.int64)[given]
    if len(ours.keys):
        account = payments.text("bank_account")
        found = ours.owners.look_up(account_keys(account).whole)
        found = np.where(found < 0, ours.owners.look_up(account), found)
        owner = np.array([codes.get(name, NOBODY) for name in ours.companies], dtype=np.int64)
        company = np.where(company < 0, pick(owner, found, none=NOBODY), company)
    elif len(companies) == 1:
        company = np.where(company < 0, 0, company)
    return np.maximum(company, NOBODY)


def in_no_list(
    payments: PaymentBatch, company: NDArray[np.int64], ours: OurAccounts
) -> NDArray[np.bool_]:
    """Payments into an account that is in no list, where there is one, and that tells no company
    otherwise; `company` as it was found.
    """
    if not len(ours.keys):
        return np.zeros(len(payments), dtype=np.bool_)
    unlisted: NDArray[np.bool_] = ~is_empty(payments.text("bank_account")) & (company < 0)
    return unlisted


class CustomerNumbers(msgspec.Struct, frozen=True):
    """Customer ids that are one word with a number, long enough to be found in a text: sorted
    values and the customer of each; and every id's digits as one number, by customer.
    """

    value: NDArray[np.uint64]
    customer: NDArray[np.int64]
    digits: NDArray[np.uint64]

    @classmethod
    def of(cls, ids: pa.StringArray) -> CustomerNumbers:
        """Read `ids`, one per customer."""
        own = scan_words(*text_bytes(ids))
        whole = own.digit_count >= _NUMBER_DIGITS_MIN
        single = np.bincount(own.row, minlength=len(ids))[own.row] == 1 if len(own.row) else whole
        value, row = own.value[whole & single], own.row[whole & single]
        order = np.lexsort((row, value))
        return cls(value[order], row[order], joined_digits(ids))


def identify_payers(
    payments: PaymentBatch,
    directory: CustomerDirectory,
    company: NDArray[np.int64],
    learned: LearnedFacts,
    our_accounts: OurAccounts,
    by_creditor_reference: NDArray[np.int64],
    numbers: CustomerNumbers,
    known_names: KnownNames,
) -> Payers:
    """The payer of each payment, from accounts, numbers in its text, learned facts and its name.

    `learned` holds the relations of the master too; `by_creditor_reference` is the customer such
    references of each payment lead to; `numbers` and `known_names` are those of all customers.
    """
    companies = Names([*directory.companies, ANY_COMPANY])
    scope = as_column(companies.of(np.where(company < 0, len(directory.companies), company)))
    virtual = _virtual_accounts(payments, directory, scope, our_accounts)
    company = np.where(
        (company < 0) & (virtual.found >= 0),
        pick(directory.company, virtual.found, none=NOBODY),
        company,
    )
    number = _numbers_in_text(payments, directory, company, numbers)
    accounts, has_account, nobodys = _accounts(payments, directory, scope, learned)
    sure = [
        virtual,
        _plain(_CREDITOR, by_creditor_reference),
        _plain(_CUSTOMER_NUMBER, number),
        *accounts,
    ]
    payer = np.full(len(payments), NOBODY, dtype=np.int64)
    for one in reversed(sure):
        payer = np.where(one.found >= 0, one.found, payer)
    names = read_payer_names(payments, directory, company, payer, learned, known_names)
    by_name = _Evidence(
        np.where(names.kind > 0, names.kind + FIRST_NAME - NAME, 0),
        names.owner,
        names.first,
        names.second,
    )
    alias, stale = _learned_names(payments, scope, learned), _stale_facts(payments, scope, learned)
    *leading, account_number = sure
    return _weigh(
        [*leading, alias, account_number, by_name, stale],
        directory,
        learned.relations,
        company,
        names,
        has_account & nobodys,
    )


def _weigh(
    evidence: list[_Evidence],
    directory: CustomerDirectory,
    relations: Relations,
    company: NDArray[np.int64],
    names: NamesFound,
    from_nobodys_account: NDArray[np.bool_],
) -> Payers:
    """The strongest evidence of each payment, and what the others say against it."""
    count = len(company)
    payer = np.full(count, NOBODY, dtype=np.int64)
    by, rival_by = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    rival, nearest = payer.copy(), payer.copy()
    several, conflict = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    stale_from = len(evidence) - 1
    stale = several.copy()
    for place, one in enumerate(evidence):
        if (one.found == NOBODY).all():
            continue
        speaks = (one.found >= 0) & (one.by != _LIKE) & (place < stale_from)
        against = speaks & (payer >= 0) & ~conflict
        if np.count_nonzero(against):
            ours, theirs = (pick(directory.family, who, none=NOBODY) for who in (payer, one.found))
            against &= ~(relations.allow(ours, theirs) | relations.allow(theirs, ours))
            conflict |= against
            rival[against], rival_by[against] = one.found[against], one.by[against]
        fresh = (payer < 0) & (one.found >= 0)
        stale |= fresh & (place == stale_from)
        payer, by = np.where(fresh, one.found, payer), np.where(fresh, one.by, by)
        unclear = (payer < 0) & (one.found == SEVERAL) & ~several
        several |= unclear
        nearest = np.where(unclear, one.first, nearest)
        rival = np.where(unclear, one.second, rival)
    tentative = (by == _LIKE) | stale
    nearest = np.where((nearest < 0) & (payer < 0), names.first, nearest)
    nearest = np.where(tentative, payer, nearest)
    rival = np.where((payer >= 0) & ~conflict, NOBODY, rival)
    known_elsewhere = pick(directory.has_account, payer)
    return Payers(
        company=company,
        payer=payer,
        by=by,
        tentative=tentative,
        stale=stale,
        several=several & (payer < 0),
        conflict=conflict,
        rival=rival,
        rival_by=rival_by,
        nearest=nearest,
        new_account=(payer >= 0) & from_nobodys_account & known_elsewhere,
        namesake=names.namesake & (payer < 0),
    )


def _plain(kind: int, found: NDArray[np.int64]) -> _Evidence:
    return _Evidence(np.full(len(found), kind), found, found, found)


def _looked_up(
    kind: int,
    table: OwnerTable,
    keys: pa.StringArray,
    learned: LearnedFacts,
    values: pa.StringArray,
) -> _Evidence:
    """What `table` says of `keys`, unless decisions say that `values` are not that customer's."""
    found, first, second = table.look_up_rivals(keys)
    if len(learned.denied):
        found = np.where(learned.deny(values, found), NOBODY, found)
    return _Evidence(np.full(len(found), kind), found, first, second)


def _virtual_accounts(
    payments: PaymentBatch,
    directory: CustomerDirectory,
    scope: pa.StringArray,
    our_accounts: OurAccounts,
) -> _Evidence:
    """Customers in whose master data our receiving account stands: it was given to them alone.

    An account in the table of our own accounts collects from everybody and says nothing.
    """
    if are_empty(payments.text("bank_account")):
        return _plain(_VIRTUAL, np.full(len(payments), NOBODY, dtype=np.int64))
    ours = account_keys(payments.text("bank_account")).whole
    collecting = pc.is_in(ours, value_set=our_accounts.keys)
    wanted = pc.if_else(pc.or_(collecting, pc.equal(ours, "")), "", company_key(scope, ours))
    found, first, second = directory.accounts.look_up_rivals(wanted)
    return _Evidence(np.full(len(found), _VIRTUAL), found, first, second)


def _accounts(
    payments: PaymentBatch,
    directory: CustomerDirectory,
    scope: pa.StringArray,
    learned: LearnedFacts,
) -> tuple[list[_Evidence], NDArray[np.bool_], NDArray[np.bool_]]:
    """The paying account: whole, learned, by its bare number; whether there is one, and whether it
    is nobody's.
    """
    keys = account_keys(payments.text("payer_account"))
    given, empty = ~is_empty(keys.whole), blanks(len(scope))
    scoped = text_of(given, company_key(scope, keys.whole), empty)
    number = empty
    if np.count_nonzero(keys.bare) or len(directory.bare_accounts.keys):
        number = text_of(~is_empty(keys.number), company_key(scope, keys.number), empty)
    # Two numbers with two banks are two accounts: one side must be written without a bank.
    with_bank = text_of(keys.bare, empty, number)
    without_bank = text_of(keys.bare, number, empty)
    whole = _looked_up(_ACCOUNT, directory.accounts, scoped, learned, keys.whole)
    taught = _looked_up(_LEARNED_ACCOUNT, learned.accounts, scoped, learned, keys.whole)
    bare = _looked_up(_ACCOUNT_NUMBER, directory.account_numbers, without_bank, learned, keys.whole)
    master = _looked_up(_ACCOUNT_NUMBER, directory.bare_accounts, with_bank, learned, keys.whole)
    use = bare.found == NOBODY
    number_only = _Evidence(
        bare.by,
        *(
            np.where(use, getattr(master, name), getattr(bare, name))
            for name in ("found", "first", "second")
        ),
    )
    nobodys = (whole.found == NOBODY) & (taught.found == NOBODY) & (number_only.found == NOBODY)
    return [whole, taught, number_only], given, nobodys


def _learned_names(
    payments: PaymentBatch, scope: pa.StringArray, learned: LearnedFacts
) -> _Evidence:
    if not len(learned.aliases.keys):
        return _plain(_LEARNED_ALIAS, np.full(len(payments), NOBODY, dtype=np.int64))
    keys = _keys_of_names(payments)
    scoped = pc.if_else(pc.equal(keys, ""), "", company_key(scope, keys))
    return _looked_up(_LEARNED_ALIAS, learned.aliases, scoped, learned, keys)


def _stale_facts(payments: PaymentBatch, scope: pa.StringArray, learned: LearnedFacts) -> _Evidence:
    """Accounts and names of facts too long unconfirmed, whoever has nothing better."""
    nobody = _plain(0, np.full(len(payments), NOBODY, dtype=np.int64))
    if not len(learned.stale_aliases.keys) and not len(learned.stale_accounts.keys):
        return nobody
    accounts, names = account_keys(payments.text("payer_account")).whole, _keys_of_names(payments)
    by_account, by_name = (
        _looked_up(
            kind, table, pc.if_else(pc.equal(keys, ""), "", company_key(scope, keys)), learned, keys
        )
        for kind, table, keys in (
            (_LEARNED_ACCOUNT, learned.stale_accounts, accounts),
            (_LEARNED_ALIAS, learned.stale_aliases, names),
        )
    )
    use = by_account.found == NOBODY
    return _Evidence(
        *(
            np.where(use, getattr(by_name, name), getattr(by_account, name))
            for name in ("by", "found", "first", "second")
        )
    )


def _keys_of_names(payments: PaymentBatch) -> pa.StringArray:
    encoded = payments.text("payer_name").dictionary_encode()
    return name_keys(encoded.dictionary).take(encoded.indices)


def _numbers_in_text(
    payments: PaymentBatch,
    directory: CustomerDirectory,
    company: NDArray[np.int64],
    numbers: CustomerNumbers,
) -> NDArray[np.int64]:
    """Customer whose number stands as a word in the payment's text, if exactly one."""
    count = len(payments)
    text, more = payments.text("remittance_text"), payments.text("customer_reference")
    if not are_empty(more):
        text = pc.binary_join_element_wise(text, more, " ")
    word = scan_words(*text_bytes(text))
    if not len(word.row) or not len(numbers.value):
        return np.full(count, NOBODY, dtype=np.int64)
    low = numbers.value.searchsorted(word.value, side="left")
    high = numbers.value.searchsorted(word.value, side="right")
    if not np.count_nonzero(high > low):
        return np.full(count, NOBODY, dtype=np.int64)
    least = np.full(count, np.iinfo(np.int64).max)
    most = np.full(count, -1, dtype=np.int64)
    # A number may be used by several companies; within one payment's company it is one customer.
    for step in range(int((high - low).max(initial=0))):
        live = (high - low > step).nonzero()[0]
        found = numbers.customer[low[live] + step]
        row = word.row[live]
        fits = (company[row] < 0) | (directory.company[found] == company[row])
        np.minimum.at(least, row[fits], found[fits])
        np.maximum.at(most, row[fits], found[fits])
    return np.where(most < 0, NOBODY, np.where(least == most, most, SEVERAL))
