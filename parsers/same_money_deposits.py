"""Deposits that a statement tells as one sum and another file check by check.

The sum is left out, the checks stay. It is proven where a credit of the account and day equals the
sum of one deposit and of no other; where all lockbox booked of the day together equal all
deposits; or where details carry the bank's reference of the one entry they add up to.
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
    from numpy.typing import NDArray

    from engine.batches import PaymentBatch

__all__ = ["LOCKBOX_TYPES", "Sums", "find_sums"]

LOCKBOX_TYPES: Final = "^(?:115|[NFS]?LBX|PMNT/LBOX(?:/.*)?)$"
"""Type codes of a lockbox deposit: BAI2's, MT94x's with or without the letter before it, camt's."""

_METHODS: Final = ("check", "cash", "other", "")
"""How a deposit may have travelled; a wire of the same sum is another payment."""

_OF_ONE_PAYER: Final = ("payer_account", "uetr", "end_to_end_id", "check_number")
"""What a payment of one payer has and a deposit has not."""


class Sums(msgspec.Struct, frozen=True):
    """Rows that are sums of others, the first of those others, and sums that may be some."""

    row: NDArray[np.int64]
    first_part: NDArray[np.int64]
    doubtful: NDArray[np.int64]


class _Deposit(msgspec.Struct, frozen=True):
    """Checks of one file, account, day and currency."""

    account: int
    day: int
    currency: str
    amount: int
    first: int


class _Credit(msgspec.Struct, frozen=True):
    """A statement's credit; `days` are its booking and its value date."""

    row: int
    account: int
    days: frozenset[int]
    currency: str
    amount: int
    is_lockbox: bool

    def may_be(self, deposit: _Deposit) -> bool:
        """Whether the deposit was made on that account and day, as far as the files tell."""
        is_near = deposit.day in self.days and deposit.currency == self.currency
        is_told = UNKNOWN not in (deposit.account, self.account)
        return is_near and (deposit.account == self.account or not is_told)

    def is_account_of(self, deposit: _Deposit) -> bool:
        """Whether the files tell that the deposit went to the credit's account."""
        return deposit.account == self.account != UNKNOWN

    def near(self, by_day: dict[tuple[str, int], list[_Deposit]]) -> list[_Deposit]:
        """The deposits that may be meant."""
        return [
            deposit
            for day in sorted(self.days)
            for deposit in by_day.get((self.currency, day), ())
            if self.may_be(deposit)
        ]


def find_sums(
    payments: PaymentBatch,
    account: NDArray[np.int64],
    *,
    booked: NDArray[np.int64],
    checks: NDArray[np.int64],
    details: NDArray[np.int64],
) -> Sums:
    """Rows of `booked` (statements) that are sums of `checks` (lockboxes) or `details`.

    All three are rows of `payments` that no other file repeats; `account` is each row's.
    """
    by_reference = _sums_by_reference(payments, account, booked, details)
    deposits = _deposits(payments, account, checks)
    left = np.setdiff1d(booked, by_reference[0])
    by_day = _sums_by_day(_credits(payments, account, left, deposits), deposits)
    return Sums(
        np.concatenate([by_reference[0], np.array([row for row, _ in by_day[0]], np.int64)]),
        np.concatenate([by_reference[1], np.array([first for _, first in by_day[0]], np.int64)]),
        np.array(by_day[1], np.int64),
    )


def _sums_by_reference(
    payments: PaymentBatch,
    account: NDArray[np.int64],
    booked: NDArray[np.int64],
    details: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entries whose bank reference several details of another file carry, and add up to."""
    wanted = np.concatenate([booked, details])
    reference = payments.text("bank_reference").take(pa.array(wanted))
    currency = payments.text("currency").take(pa.array(wanted))
    key = pc.binary_join_element_wise(
        reference, currency, pa.array(account[wanted]).cast(pa.string()), "\x1f"
    ).dictionary_encode()
    code = key.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    size = len(key.dictionary)
    known = pc.not_equal(reference, "").to_numpy(zero_copy_only=False) & (account[wanted] >= 0)
    ours, theirs = code[: len(booked)], code[len(booked) :]
    amount = payments.int64("amount_minor")
    file_code, _ = payments.codes("file_id")
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, theirs, amount[details])
    low, high = np.full(size, np.iinfo(np.int64).max), np.full(size, -1)
    np.minimum.at(low, theirs, file_code[details])
    np.maximum.at(high, theirs, file_code[details])
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, theirs, details)
    several = np.bincount(theirs, minlength=size) > 1
    alone = np.bincount(ours, minlength=size) == 1
    proven = (several & alone & (low == high))[ours] & (sums[ours] == amount[booked])
    proven &= known[: len(booked)]
    return booked[proven], first[ours[proven]]


def _deposits(
    payments: PaymentBatch, account: NDArray[np.int64], checks: NDArray[np.int64]
) -> list[_Deposit]:
    """The checks of each file by account (or lockbox), day and currency."""
    batch = payments.record_batch
    parts = [batch.column(name).take(pa.array(checks)) for name in ("file_id", "bank_account")]
    day = payments.days("booking_date")[checks]
    currency = batch.column("currency").take(pa.array(checks))
    key = pc.binary_join_element_wise(
        *parts, currency, pa.array(day).cast(pa.string()), "\x1f"
    ).dictionary_encode()
    code = key.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    size = len(key.dictionary)
    sums = np.zeros(size, dtype=np.int64)
    np.add.at(sums, code, payments.int64("amount_minor")[checks])
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, code, checks)
    days, names = payments.days("booking_date"), payments.text("currency")
    return [
        _Deposit(int(account[row]), int(days[row]), names[row].as_py(), total, row)
        for row, total in zip(first.tolist(), sums.tolist(), strict=True)
        if days[row] != NO_DATE
    ]


def _credits(
    payments: PaymentBatch,
    account: NDArray[np.int64],
    rows: NDArray[np.int64],
    deposits: list[_Deposit],
) -> list[_Credit]:
    """The booked that have to be looked at: of a deposit's day, and a lockbox's or of its sum."""
    days = np.array(sorted({deposit.day for deposit in deposits}), dtype=np.int64)
    sums = np.array(sorted({deposit.amount for deposit in deposits}), dtype=np.int64)
    booking, value = payments.days("booking_date")[rows], payments.days("value_date")[rows]
    amount = payments.int64("amount_minor")[rows]
    kind = payments.text("type_code").take(pa.array(rows))
    is_lockbox = pc.match_substring_regex(kind, LOCKBOX_TYPES).to_numpy(zero_copy_only=False)
    of_day = np.isin(booking, days) | np.isin(value, days)
    may_be = is_lockbox | (np.isin(amount, sums) & _looks_like_deposit(payments, rows))
    chosen = np.flatnonzero(of_day & may_be)
    currency = payments.text("currency").take(pa.array(rows[chosen])).to_pylist()
    return [
        _Credit(
            row=int(rows[at]),
            account=int(account[rows[at]]),
            days=frozenset({int(booking[at]), int(value[at])}),
            currency=code,
            amount=int(amount[at]),
            is_lockbox=bool(is_lockbox[at]),
        )
        for at, code in zip(chosen.tolist(), currency, strict=True)
    ]


def _looks_like_deposit(payments: PaymentBatch, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    at = pa.array(rows)
    looks = pc.is_in(payments.text("method").take(at), pa.array(_METHODS))
    for name in _OF_ONE_PAYER:
        looks = pc.and_(looks, pc.equal(payments.text(name).take(at), ""))
    found: NDArray[np.bool_] = looks.to_numpy(zero_copy_only=False)
    return found


def _sums_by_day(
    booked: list[_Credit], deposits: list[_Deposit]
) -> tuple[list[tuple[int, int]], list[int]]:
    """(credit, first check) of each proven sum, and the rows of doubtful ones."""
    proven = _single_sums(booked, deposits)
    used, taken = {first for _, first in proven}, {row for row, _ in proven}
    left = [one for one in booked if one.row not in taken]
    together, doubtful = _sums_together(left, [one for one in deposits if one.first not in used])
    return proven + together, doubtful


def _single_sums(booked: list[_Credit], deposits: list[_Deposit]) -> list[tuple[int, int]]:
    """A credit that equals one deposit of its account and day, and no other credit does."""
    by_amount: dict[int, list[_Credit]] = {}
    for credit in booked:
        by_amount.setdefault(credit.amount, []).append(credit)
    proven = []
    near = _by_day(deposits)
    for credit in booked:
        equal = [one for one in credit.near(near) if one.amount == credit.amount]
        if len(equal) != 1 or not credit.is_account_of(equal[0]):
            continue
        rivals = [one for one in by_amount[credit.amount] if one.may_be(equal[0])]
        if len(rivals) == 1:
            proven.append((credit.row, equal[0].first))
    return proven


def _sums_together(
    booked: list[_Credit], deposits: list[_Deposit]
) -> tuple[list[tuple[int, int]], list[int]]:
    """Lockbox booked that together are all deposits of their account and days; and the doubt."""
    near = _by_day(deposits)
    by_account: dict[int, list[_Credit]] = {}
    for credit in booked:
        if credit.is_lockbox:
            by_account.setdefault(credit.account, []).append(credit)
    proven: list[tuple[int, int]] = []
    doubtful: list[int] = []
    for credit in booked:
        possible = credit.near(near)
        sure = [one for one in possible if credit.is_account_of(one)]
        peers = [
            other
            for other in by_account.get(credit.account, [])
            if any(other.may_be(one) for one in sure)
        ]
        is_sum = sum(one.amount for one in peers) == sum(one.amount for one in sure)
        if credit.is_lockbox and sure and is_sum:
            proven.append((credit.row, sure[0].first))
        elif possible and (
            credit.is_lockbox or any(one.amount == credit.amount for one in possible)
        ):
            doubtful.append(credit.row)
    return proven, doubtful


def _by_day(deposits: list[_Deposit]) -> dict[tuple[str, int], list[_Deposit]]:
    found: dict[tuple[str, int], list[_Deposit]] = {}
    for deposit in deposits:
        found.setdefault((deposit.currency, deposit.day), []).append(deposit)
    return found
