"""The facts of an exception in numbers: which item, how much of it is missing or too much, which
limit, which account. What is named by its text is told by `engine.exception_subjects`.

Told is the set that settles the payment or, failing that, the first proposal: as a clerk sees it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE
from engine.candidates import Candidates
from engine.claims import earlier_claims
from engine.exception_codes import CODES
from engine.gates import exported_days
from engine.money import exponent_of, money_texts
from engine.open_item_index import OPEN, PAID, ledger_rows
from engine.payer_messages import customers_named
from engine.segments import expand_ranges, is_one_of, segment_sum
from engine.text_columns import blanks, is_empty, text_of, texts_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from engine.conclude import Conclusion
    from engine.intake import Intake
    from engine.returns import Returns

    _Tell = Callable[["_Facts", NDArray[np.int64], NDArray[np.int64]], pa.StringArray]

__all__ = ["exception_facts"]

_TOLD_MAX: Final = 3
_LATE_OR_GRACE: Final = ("DSC-LATE", "DSC-GRACE")


def exception_facts(
    intake: Intake,
    conclusion: Conclusion,
    returns: Returns,
    payment: NDArray[np.int64],
    code: NDArray[np.int64],
) -> pa.StringArray:
    """The facts of each exception (payment, code) in a few words; empty where its code says all.

    At most three items are told of, in the order of the ledger; amounts in the item's currency.
    """
    facts = _Facts(intake, conclusion, returns)
    kind = _KIND_OF[code]
    texts, places = [], []
    for number in np.bincount(kind).nonzero()[0].tolist():
        rows = (kind == number).nonzero()[0]
        texts.append(_KINDS[number][1](facts, payment[rows], code[rows]))
        places.append(rows)
    if len(texts) < 2:
        return texts[0] if texts else blanks(0)
    order = np.argsort(np.concatenate(places), kind="stable")
    return pa.concat_arrays(texts).take(pa.array(order))


class _Facts:
    """What exceptions are told from; what is worked out, is so once."""

    def __init__(self, intake: Intake, conclusion: Conclusion, returns: Returns) -> None:
        self.intake, self.conclusion, self.returns = intake, conclusion, returns

    @cached_property
    def chosen(self) -> Candidates:
        """The set that settles each payment, else its first proposal; rows by item."""
        settling, proposed = self.conclusion.settling, self.conclusion.proposed
        settled = np.zeros(len(self.intake.payments), dtype=np.bool_)
        settled[settling.payment] = True
        first = (self.conclusion.ranks == 1) & ~settled[proposed.payment]
        return Candidates.concat([settling, proposed.at(first)])

    @cached_property
    def chosen_of(self) -> NDArray[np.int64]:
        """Number of each payment's chosen set, -1 for none."""
        of = np.full(len(self.intake.payments), -1, dtype=np.int64)
        of[self.chosen.payment] = np.arange(len(self.chosen))
        return of

    @cached_property
    def _rows_of(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the chosen sets by set and item, and where those of each set begin."""
        rows = self.chosen.rows
        order = np.lexsort((rows.item, rows.candidate))
        ends = np.bincount(rows.candidate, minlength=len(self.chosen)).cumsum()
        return order, np.concatenate([np.zeros(1, dtype=np.int64), ends])

    def rows_of(self, payment: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the chosen set of each payment: place in `payment`, and row."""
        order, bounds = self._rows_of
        of = self.chosen_of[payment]
        known = (of >= 0).nonzero()[0]
        owner, at = expand_ranges(bounds[of[known]], bounds[of[known] + 1])
        return known[owner], order[at]

    def documents(self, item: NDArray[np.int64]) -> pa.StringArray:
        """Numbers of items."""
        return self.intake.index.text("document_number", item)

    def amounts(self, minor: NDArray[np.int64], currency: NDArray[np.int64]) -> pa.StringArray:
        """Amounts without their currency."""
        exponents = np.array([exponent_of(name) for name in self.intake.currencies], dtype=np.int64)
        return money_texts(minor, exponents[currency])

    def money(self, minor: NDArray[np.int64], currency: NDArray[np.int64]) -> pa.StringArray:
        """Amounts with their currency."""
        names = pa.array(self.intake.currencies, pa.string()).take(pa.array(currency))
        return pc.binary_join_element_wise(self.amounts(minor, currency), names, " ")


def _listed(
    owner: NDArray[np.int64], texts: pa.StringArray, count: int, between: str = ", "
) -> pa.StringArray:
    """The first texts of each owner (ascending) side by side, with an ellipsis for more."""
    size = np.bincount(owner, minlength=count)
    starts = size.cumsum() - size
    kept = (np.arange(len(owner)) - starts[owner] < _TOLD_MAX).nonzero()[0]
    offsets = np.concatenate([np.zeros(1, np.int64), np.minimum(size, _TOLD_MAX).cumsum()])
    lists = pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), texts.take(pa.array(kept)))
    listed = pc.binary_join(lists, between)
    longer = _join(listed, between, "…")
    return text_of(size > _TOLD_MAX, longer, listed)


def _join(*texts: pa.StringArray | str) -> pa.StringArray:
    return pc.binary_join_element_wise(*texts, "")


def _said(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """Nothing: the code, or what the payer wrote, says it."""
    del facts, code
    return blanks(len(payment))


def _items(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """The items of the set: `INV-1, INV-2`."""
    del code
    owner, row = facts.rows_of(payment)
    return _listed(owner, facts.documents(facts.chosen.rows.item[row]), len(payment))


def _differences(
    facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]
) -> pa.StringArray:
    """Of items whose cash is not their amount: `INV-1: 980.00 for 1000.00 USD, 20.00 short`."""
    index, rows = facts.intake.index, facts.chosen.rows
    owner, row = facts.rows_of(payment)
    off = rows.cash[row] != index.open_minor[rows.item[row]]
    owner, row = owner[off], row[off]
    item, cash = rows.item[row], rows.cash[row]
    currency, opened = index.currency[item], index.open_minor[item]
    missing = opened - cash
    until = index.discount_day[item]
    late = is_one_of(code, [CODES.index(name) for name in _LATE_OR_GRACE])[owner]
    late &= until != NO_DATE
    day = pc.strftime(pa.array(np.where(late, until, 0).astype("datetime64[D]")), "%Y-%m-%d")
    texts = _join(
        facts.documents(item),
        ": ",
        facts.amounts(cash, currency),
        " for ",
        facts.money(opened, currency),
        ", ",
        facts.amounts(np.abs(missing), currency),
        text_of(missing < 0, _same(" too much", len(row)), _same(" short", len(row))),
        text_of(late, _join(", discount until ", day), blanks(len(row))),
        _reasons(facts, code[owner], rows.line[row]),
        _claims(facts, code[owner], item, missing),
    )
    told = _listed(owner, texts, len(payment), "; ")
    return text_of(is_empty(told), _items(facts, payment, code), told)


def _reasons(facts: _Facts, code: NDArray[np.int64], line: NDArray[np.int64]) -> pa.StringArray:
    """What the payer's line of advice says of a deduction it states: `, "damaged"`."""
    stated = (code == CODES.index("DED-CODED")) & (line >= 0)
    if not stated.any():
        return blanks(len(code))
    reasons = facts.intake.remittances.text("deduction_reason")
    text = texts_at(reasons, np.where(stated, line, -1))
    return text_of(is_empty(text), text, _join(', "', text, '"'))


def _claims(
    facts: _Facts,
    code: NDArray[np.int64],
    item: NDArray[np.int64],
    missing: NDArray[np.int64],
) -> pa.StringArray:
    """The earlier claims of a customer that have the amount missing of an item: `, as DM-7`."""
    prior = code == CODES.index("DED-PRIOR")
    if not prior.any():
        return blanks(len(code))
    at = prior.nonzero()[0]
    owner, claim = earlier_claims(facts.intake.index, item[at], missing[at])
    told = np.full(len(code), -1, dtype=np.int64)
    told[at] = np.arange(len(at))
    listed = _listed(owner, facts.documents(claim), len(at))
    listed = text_of(is_empty(listed), listed, _join(", as ", listed))
    return texts_at(listed, told)


def _same(text: str, count: int) -> pa.StringArray:
    return pa.repeat(pa.scalar(text), count)


def _perhaps(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """The item whose number is nearest: `perhaps INV-1`."""
    items = _items(facts, payment, code)
    return text_of(is_empty(items), items, _join("perhaps ", items))


def _surplus(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What is left over, and of which items: `40.17 USD beyond INV-1`."""
    items = _items(facts, payment, code)
    of = facts.chosen_of[payment]
    surplus = facts.chosen.surplus[np.maximum(of, 0)] if len(facts.chosen) else of * 0
    told = _join(facts.money(surplus, facts.intake.situation.currency[payment]), " beyond ", items)
    return text_of((of >= 0) & (surplus > 0), told, items)


def _changed(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What became of the items: `INV-1: 80.00 of 100.00 USD left`."""
    del code
    index = facts.intake.index
    owner, row = facts.rows_of(payment)
    item = facts.chosen.rows.item[row]
    moved = index.open_minor[item] != index.original_minor[item]
    owner, item = owner[moved], item[moved]
    currency = index.currency[item]
    texts = _join(
        facts.documents(item),
        ": ",
        facts.amounts(index.open_minor[item], currency),
        " of ",
        facts.money(index.original_minor[item], currency),
        " left",
    )
    return _listed(owner, texts, len(payment))


def _sets(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """How many sets fit, and the likeliest: `2 sets, the likeliest is INV-1, INV-2`."""
    items = _items(facts, payment, code)
    of = facts.chosen_of[payment]
    fits = facts.chosen.fits[np.maximum(of, 0)] if len(facts.chosen) else of * 0
    told = _join(pa.array(fits).cast(pa.string()), " sets, the likeliest is ", items)
    return text_of((of >= 0) & (fits > 1), told, items)


def _singles(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """The single items that are proposed, the likeliest first: `INV-1, INV-2`."""
    del code
    proposed, ranks = facts.conclusion.proposed, facts.conclusion.ranks
    alone = (proposed.item_count() == 1).nonzero()[0]
    order = alone[np.lexsort((ranks[alone], proposed.payment[alone]))]
    item = np.zeros(len(proposed), dtype=np.int64)
    item[proposed.rows.candidate] = proposed.rows.item
    sorted_payment = proposed.payment[order]
    owner, at = expand_ranges(
        sorted_payment.searchsorted(payment, side="left"),
        sorted_payment.searchsorted(payment, side="right"),
    )
    return _listed(owner, facts.documents(item[order[at]]), len(payment))


def _given_up(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What is written off or deducted: `12.50 USD of INV-1`."""
    rows = facts.chosen.rows
    return _parts_of(facts, payment, code, np.abs(rows.write_off) + np.abs(rows.deduction))


def _granted(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What discount is granted: `a discount of 180.00 USD on INV-1`."""
    granted = np.abs(facts.chosen.rows.discount)
    return _parts_of(facts, payment, code, granted, "a discount of ", " on ")


def _parts_of(
    facts: _Facts,
    payment: NDArray[np.int64],
    code: NDArray[np.int64],
    part: NDArray[np.int64],
    before: str = "",
    between: str = " of ",
) -> pa.StringArray:
    owner, row = facts.rows_of(payment)
    some = part[row] != 0
    owner, row = owner[some], row[some]
    item = facts.chosen.rows.item[row]
    money = facts.money(part[row], facts.intake.index.currency[item])
    told = _listed(owner, _join(before, money, between, facts.documents(item)), len(payment))
    return text_of(is_empty(told), _items(facts, payment, code), told)


def _limit(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """Up to what goes through alone: `the limit is 10000.00 USD`."""
    del code
    situation = facts.intake.situation
    limit = situation.rules.amount_limit[situation.rule[payment]]
    return _join("the limit is ", facts.money(limit, situation.currency[payment]))


def _customer(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """Who it is: `C-1 (Acme Ltd)`; in shadow mode, that."""
    del code
    told = customers_named(facts.intake, facts.conclusion.customer[payment])
    watched = facts.conclusion.watched[payment]
    return text_of(watched, _same("shadow mode", len(payment)), told)


def _column(name: str, before: str = "") -> _Tell:
    """A column of the payment as it stands."""

    def told(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
        del code
        text = facts.intake.payments.text(name).take(pa.array(payment))
        return text_of(is_empty(text), text, _join(before, text)) if before else text

    return told


def _value_date(
    facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]
) -> pa.StringArray:
    """The day: `2028-09-15`."""
    del code
    return _days(facts.intake.payments.days("value_date")[payment])


def _days(day: NDArray[np.int64]) -> pa.StringArray:
    known = day != NO_DATE
    text = pc.strftime(pa.array(np.where(known, day, 0).astype("datetime64[D]")), "%Y-%m-%d")
    return text_of(known, text, blanks(len(day)))


def _stale(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """How old they are: `the youngest is of 2026-09-01`."""
    del code
    company = facts.intake.payers.company[payment]
    days = _days(exported_days(company, facts.intake.resident.youngest))
    return text_of(is_empty(days), days, _join("the youngest is of ", days))


def _reopened(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What a return re-opens: `re-opens 512.50 USD on 2 items`; what it names where nothing."""
    reversals, payments = facts.returns.reversals, facts.intake.payments
    ids = payments.text("payment_id").take(pa.array(payment))
    named = _column("original_reference", "names ")(facts, payment, code)
    if not len(reversals):
        return named
    known = ids.unique()
    of = pc.index_in(reversals.text("payment_id"), value_set=known)
    at = pc.fill_null(of, len(known)).to_numpy(zero_copy_only=False).astype(np.int64)
    amount = segment_sum(reversals.int64("amount_minor"), at, len(known) + 1)
    items = np.bincount(at, minlength=len(known) + 1)
    own = pc.index_in(ids, value_set=known).to_numpy(zero_copy_only=False).astype(np.int64)
    told = _join(
        "re-opens ",
        facts.money(amount[own], facts.intake.situation.currency[payment]),
        " on ",
        pa.array(items[own]).cast(pa.string()),
        text_of(items[own] == 1, _same(" item", len(own)), _same(" items", len(own))),
    )
    return text_of(items[own] > 0, told, named)


def _owed(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What the customer owes: `3 open items, 53137.00 USD in all`."""
    del code
    intake, index = facts.intake, facts.intake.index
    currency = intake.situation.currency[payment]
    customer = facts.conclusion.customer[payment]
    owner, item = ledger_rows(index, index.ledger_of(customer, currency))
    still = index.status[item] == OPEN
    owner, item = owner[still], item[still]
    count = np.bincount(owner, minlength=len(payment))
    total = segment_sum(index.open_minor[item], owner, len(payment))
    items = text_of(
        count == 1, _same(" open item, ", len(count)), _same(" open items, ", len(count))
    )
    told = _join(pa.array(count).cast(pa.string()), items, facts.money(total, currency), " in all")
    names = pa.array(intake.currencies, pa.string()).take(pa.array(currency))
    told = text_of(count > 0, told, _join("no open item in ", names))
    return text_of(customer >= 0, told, blanks(len(payment)))


def _stated(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
    """What the lines of the advice state: `its lines say 300.00 USD`."""
    del code
    lines, situation = facts.intake.situation.lines, facts.intake.situation
    amount = np.where(lines.given, lines.amount, 0)
    stated = segment_sum(amount, lines.payment, len(situation))[payment]
    return _join("its lines say ", facts.money(stated, situation.currency[payment]))


def _paid_twins(
    facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]
) -> pa.StringArray:
    """The paid items of the very amount, where none is named: `INV-1`."""
    del code
    index, situation = facts.intake.index, facts.intake.situation
    owner, item = index.family_rows(situation.payer_family[payment])
    same = (index.status[item] == PAID) & (index.customer[item] == situation.payer[payment][owner])
    same &= index.currency[item] == situation.currency[payment][owner]
    same &= index.original_minor[item] == situation.cash[payment][owner]
    return _listed(owner[same], facts.documents(item[same]), len(payment))


def _astray(name: str) -> _Tell:
    """The item in another company, or of another currency: `INV-1 of company DE01, 412.50 EUR`."""

    def told(facts: _Facts, payment: NDArray[np.int64], code: NDArray[np.int64]) -> pa.StringArray:
        del code
        index, directory = facts.intake.index, facts.intake.directory
        item = getattr(facts.intake, name)[payment]
        at = np.maximum(item, 0)
        companies = texts_at(pa.array(directory.companies, pa.string()), index.company[at])
        companies = text_of(is_empty(companies), blanks(len(at)), _join(" of company ", companies))
        money = facts.money(index.original_minor[at], index.currency[at])
        text = _join(facts.documents(at), companies, ", ", money)
        return text_of(item >= 0, text, blanks(len(at)))

    return told


_KINDS: Final[tuple[tuple[str, _Tell], ...]] = (
    ("", _said),
    (
        "AMT-SHORT AMT-TOLERANCE AMT-BANKFEE AMT-TAX AMT-WHT DSC-LATE DSC-GRACE DSC-EXCESS "
        "DSC-TWICE DED-CODED DED-UNCODED DED-PRIOR DED-REPEAT",
        _differences,
    ),
    ("AMT-OVER", _surplus),
    ("ITM-CHANGED", _changed),
    ("REF-TYPO REF-TRUNC", _perhaps),
    ("IN-DUPPAY AMB-COMPETE ITM-INSTALL POL-CONFIDENCE", _items),
    ("AMB-AMOUNTS AMB-COMBO AMB-TOTAL", _sets),
    ("AMB-SINGLE", _singles),
    ("POL-APPROVAL", _given_up),
    ("POL-LIMIT", _granted),
    ("AMT-LARGE", _limit),
    ("PAY-INACTIVE POL-HOLD", _customer),
    ("PAY-NEWACCT", _column("payer_account")),
    ("IN-ACCT", _column("bank_account")),
    ("IN-FORMAT IN-TOTAL IN-DUPFILE IN-SEQ IN-SIGN", _column("source_file")),
    ("IN-DATE", _value_date),
    ("SYS-STALE", _stale),
    ("RET-NSF RET-RECALL RET-POSTED RET-NOPAYMENT", _reopened),
    ("REF-NONE AMT-NOMATCH AMB-LIMIT", _owed),
    ("RMT-SUM", _stated),
    ("RMT-WAIT", _column("remittance_id")),
    ("REF-CLOSED", _paid_twins),
    ("REF-WRONGCO", _astray("elsewhere")),
    ("AMT-FX", _astray("other_currency")),
)
"""Codes, and what tells their facts."""

_KIND_OF: Final = np.zeros(len(CODES), dtype=np.int64)
for _number, (_codes, _) in enumerate(_KINDS):
    _KIND_OF[[CODES.index(_name) for _name in _codes.split()]] = _number
