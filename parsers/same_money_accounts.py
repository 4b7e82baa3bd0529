"""Our accounts as several files write them: one code per account, whatever the spelling.

A statement names an IBAN or an account number, a lockbox file its lockbox, an order the number
without bank or leading zeros. The bank accounts table says which account a lockbox fills.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from engine.batches import BankAccountBatch, PaymentBatch

__all__ = ["UNKNOWN", "account_codes"]

UNKNOWN: Final = -1
"""Code of an account that the file does not tell."""

_TAIL_LENGTH_MIN: Final = 6
"""Digits an account number needs before the end of a longer one says that they are the same."""


def account_codes(
    payments: PaymentBatch,
    bank_accounts: BankAccountBatch,
    *,
    is_box: NDArray[np.bool_],
    may_be_box: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """A number per account of ours, the same for every spelling of it; `UNKNOWN` where not told.

    `is_box` tells the payments whose `bank_account` is the number of a lockbox, `may_be_box` those
    where it is one if the bank accounts table knows it as one.
    """
    codes, names = payments.codes("bank_account")
    boxes = _accounts_of_lockboxes(bank_accounts)
    plain = [_plain(name) for name in names]
    of_box = [boxes.get(_plain(name), "") for name in names]
    home = _homes([*plain, *of_box])
    known = {name: at for at, name in enumerate(sorted(set(home.values()) - {""}))}
    as_account, as_box = (
        np.array([known.get(home[name], UNKNOWN) for name in spelled] or [UNKNOWN], dtype=np.int64)
        for spelled in (plain, of_box)
    )
    if not len(codes):
        return codes
    box, plain_account = as_box[codes], as_account[codes]
    return np.where(is_box | (may_be_box & (box != UNKNOWN)), box, plain_account)


def _plain(name: str) -> str:
    """Letters and digits alone, without zeros in front."""
    return "".join(char for char in name.upper() if char.isalnum()).lstrip("0")


def _accounts_of_lockboxes(bank_accounts: BankAccountBatch) -> dict[str, str]:
    """Lockbox → the one account it fills; two accounts of one lockbox tell nothing."""
    found: dict[str, str] = {}
    for box, account in zip(
        bank_accounts.strings("lockbox"), bank_accounts.strings("bank_account"), strict=True
    ):
        if box:
            name = _plain(account)
            found[_plain(box)] = name if found.get(_plain(box), name) == name else ""
    return found


def _homes(names: Iterable[str]) -> dict[str, str]:
    """Each name → the one longer name it is the end of, else itself."""
    distinct = sorted(set(names), key=len)
    home: dict[str, str] = {}
    for name in distinct:
        longer = (
            [other for other in distinct if len(other) > len(name) and other.endswith(name)]
            if len(name) >= _TAIL_LENGTH_MIN
            else []
        )
        home[name] = longer[0] if len(longer) == 1 else name
    return home
