"""One payment that two files tell of: pairs proven by amount and a number both files carry.

A pair needs equal currency and amount, and a UETR, trace number, end-to-end id, check number or
bank reference that is the same on both sides and stands once on each; accounts, payers' accounts
and dates must not speak against it. Where such a number stands several times, the pair is doubtful.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import NO_DATE
from parsers.same_money_accounts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from engine.batches import PaymentBatch

__all__ = ["DAYS_APART_MAX", "NOBODY", "Pairs", "Rows", "find_pairs"]

NOBODY: Final = -1
"""No other file tells of the payment."""

DAYS_APART_MAX: Final = 5
"""Calendar days between two reports of one payment: a weekend and two bank holidays. A payer's
number that repeats every week is another payment then."""

_MARK: Final = "\x1f"


class _Evidence(msgspec.Struct, frozen=True):
    """A number both sides carry: column here, column there, and what else it needs.

    `is_worldwide` numbers are given out once for ever; `needs_account` are a bank's own.
    """

    name: str
    of_better: str
    of_other: str
    is_worldwide: bool = False
    needs_account: bool = False


_EVIDENCE: Final = (
    _Evidence("UETR", "uetr", "uetr", is_worldwide=True),
    _Evidence("bank reference", "bank_reference", "bank_reference", needs_account=True),
    _Evidence("trace number", "trace_number", "trace_number"),
    _Evidence("trace number", "customer_reference", "trace_number"),
    _Evidence("trace number", "bank_reference", "trace_number"),
    _Evidence("end-to-end id", "end_to_end_id", "end_to_end_id"),
    _Evidence("end-to-end id", "customer_reference", "end_to_end_id"),
    _Evidence("check number", "check_number", "check_number"),
)
"""From certain to likely; the first that proves a pair names it."""


class Rows(msgspec.Struct, frozen=True):
    """Payments of one side: their rows in the batch of all, and each one's account."""

    payments: PaymentBatch
    account: NDArray[np.int64]
    at: NDArray[np.int64]


class Pairs(msgspec.Struct, frozen=True):
    """Per row of the other side: the better side's row it is (`NOBODY`), by what, or a doubt."""

    better: NDArray[np.int64]
    evidence: NDArray[np.int64]
    is_doubtful: NDArray[np.bool_]

    def reasons(self, chosen: NDArray[np.int64]) -> pa.StringArray:
        """The names of what proved the pairs `chosen`."""
        names = pa.array([one.name for one in _EVIDENCE], pa.string())
        return names.take(pa.array(self.evidence[chosen]))


class _Side(msgspec.Struct, frozen=True):
    """One side, and what every key of it holds beside the number: made once for all evidence."""

    rows: Rows
    money: pa.StringArray
    account: pa.StringArray
    has_no_account: pa.BooleanArray
    day: pa.StringArray
    has_no_day: pa.BooleanArray

    @classmethod
    def of(cls, rows: Rows) -> _Side:
        batch, at = rows.payments.record_batch, pa.array(rows.at)
        amount = batch.column("amount_minor").take(at).cast(pa.string())
        day = pc.fill_null(batch.column("booking_date").take(at).cast(pa.string()), "")
        return cls(
            rows=rows,
            money=pc.binary_join_element_wise(batch.column("currency").take(at), amount, _MARK),
            account=pa.array(rows.account).cast(pa.string()),
            has_no_account=pa.array(rows.account == UNKNOWN),
            day=day,
            has_no_day=pc.equal(day, ""),
        )


def find_pairs(better: Rows, other: Rows) -> Pairs:
    """Which payments of `other` are payments of `better`; each of those is taken once."""
    found = np.full(len(other.at), NOBODY, dtype=np.int64)
    by = np.zeros(len(other.at), dtype=np.int64)
    doubtful = np.zeros(len(other.at), dtype=np.bool_)
    is_free = np.ones(len(better.at), dtype=np.bool_)
    sides = _Side.of(better), _Side.of(other)
    for number, evidence in enumerate(_EVIDENCE):
        for left, right in _keys(*sides, evidence):
            position, shared = _matched(_only(left, is_free), _only(right, found == NOBODY))
            doubtful |= shared
            chosen = np.flatnonzero(position >= 0)
            if not len(chosen):
                continue
            chosen = chosen[_agree(better, position[chosen], other, chosen, evidence)]
            found[chosen] = position[chosen]
            by[chosen] = number
            is_free[position[chosen]] = False
    return Pairs(found, by, doubtful & (found == NOBODY))


def _keys(
    better: _Side, other: _Side, evidence: _Evidence
) -> Iterator[tuple[pa.StringArray, pa.StringArray]]:
    """Keys of both sides, plain and then with the booking date, which tells repeats apart."""
    left = _key(better, evidence.of_better, evidence)
    right = _key(other, evidence.of_other, evidence)
    yield left, right
    yield _dated(left, better), _dated(right, other)


def _key(side: _Side, column: str, evidence: _Evidence) -> pa.StringArray:
    rows = side.rows
    number = pc.utf8_lower(rows.payments.text(column).take(pa.array(rows.at)))
    if evidence.of_other == "check_number":
        number = pc.utf8_ltrim(number, "0")
    parts = [number, side.money]
    if evidence.needs_account:
        parts.append(side.account)
        number = pc.if_else(side.has_no_account, "", number)
    joined = pc.binary_join_element_wise(*parts, _MARK)
    return pc.if_else(pc.equal(number, ""), "", joined)


def _dated(key: pa.StringArray, side: _Side) -> pa.StringArray:
    joined = pc.binary_join_element_wise(key, side.day, _MARK)
    return pc.if_else(pc.or_(pc.equal(key, ""), side.has_no_day), "", joined)


def _only(key: pa.StringArray, wanted: NDArray[np.bool_]) -> pa.StringArray:
    return pc.if_else(pa.array(wanted), key, "")


def _matched(
    left: pa.StringArray, right: pa.StringArray
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Per right key the position of the same left key where it stands once on both sides.

    And whether it stands on both sides, but more than once on one.
    """
    encoded = pa.concat_arrays([left, right]).dictionary_encode()
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    size = len(encoded.dictionary)
    ours, theirs = codes[: len(left)], codes[len(left) :]
    lefts, rights = np.bincount(ours, minlength=size), np.bincount(theirs, minlength=size)
    empty = pc.equal(encoded.dictionary, "").to_numpy(zero_copy_only=False)
    lefts[empty] = 0
    position = np.full(size, NOBODY, dtype=np.int64)
    position[ours] = np.arange(len(ours))
    is_pair = (lefts == 1) & (rights == 1)
    is_shared = (lefts > 0) & (rights > 0) & ~is_pair
    return np.where(is_pair[theirs], position[theirs], NOBODY), is_shared[theirs]


def _agree(
    better: Rows,
    left: NDArray[np.int64],
    other: Rows,
    right: NDArray[np.int64],
    evidence: _Evidence,
) -> NDArray[np.bool_]:
    """Whether nothing else speaks against the pairs of positions `left` and `right`."""
    ours, theirs = better.at[left], other.at[right]
    agree = _same_or_unknown(better.account[left], other.account[right])
    payers = better.payments.text("payer_account")
    agree &= _payers_agree(payers.take(pa.array(ours)), payers.take(pa.array(theirs)))
    if evidence.is_worldwide:
        return agree
    day = better.payments.days("booking_date")
    is_near: NDArray[np.bool_] = np.abs(day[ours] - day[theirs]) <= DAYS_APART_MAX
    is_near |= (day[ours] == NO_DATE) | (day[theirs] == NO_DATE)
    return agree & is_near


def _same_or_unknown(left: NDArray[np.int64], right: NDArray[np.int64]) -> NDArray[np.bool_]:
    agree: NDArray[np.bool_] = (left == right) | (left == UNKNOWN) | (right == UNKNOWN)
    return agree


def _payers_agree(left: pa.StringArray, right: pa.StringArray) -> NDArray[np.bool_]:
    """Whether two payers' accounts are the same, or one is not told, or is the end of the other."""
    plain = [
        pc.utf8_ltrim(pc.replace_substring_regex(pc.utf8_upper(text), "[^0-9A-Z]+", ""), "0")
        for text in (left, right)
    ]
    encoded = pc.binary_join_element_wise(*plain, _MARK).dictionary_encode()
    agree = np.array([_is_end(*pair.split(_MARK)) for pair in encoded.dictionary.to_pylist()])
    if not len(agree):
        return np.zeros(len(left), dtype=np.bool_)
    verdict: NDArray[np.bool_] = agree[encoded.indices.to_numpy(zero_copy_only=False)]
    return verdict


def _is_end(left: str, right: str) -> bool:
    """True also where one is empty."""
    return left.endswith(right) or right.endswith(left)
