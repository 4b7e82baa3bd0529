"""Bank accounts made comparable: the same account, whichever way bank and master write it.

An IBAN is its country and what follows the check digits, where those verify; in countries that
also write `routing/account`, both ways are one. An IBAN that does not verify is only equal to
itself. Leading zeros of routing and account numbers say nothing.
"""

from __future__ import annotations

import re
from string import ascii_uppercase, digits
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.row_texts import FEW_ROWS
from engine.text_columns import (
    BEYOND_ASCII,
    are_empty,
    blanks,
    byte_set,
    has_byte,
    is_empty,
    rows_with_byte,
    text_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["AccountKeys", "account_keys"]

_ROUTING_DIGITS: Final = {"DE": 8, "AT": 5, "CH": 5, "GB": 10, "BE": 3, "NL": 4}
"""Characters of an IBAN behind the check digits that name the bank, where `routing/account` is a
custom; in Britain four letters stand before the six digits of the sort code."""

_NUMBER_LENGTH_MIN: Final = 6
_LEFT_OUT: Final = re.compile(r"[^A-Z0-9/]+")
_IBAN: Final = re.compile("^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$")
_LETTER, _DIGIT, _TELLING_DIGIT, _SLASH = (
    byte_set(characters) for characters in (ascii_uppercase, digits, digits[1:], "/")
)
_LETTER_VALUE: Final = np.zeros(256, dtype=np.int64)
_LETTER_VALUE[ord("0") : ord("9") + 1] = np.arange(10)
_LETTER_VALUE[ord("A") : ord("Z") + 1] = np.arange(10, 36)


class AccountKeys(msgspec.Struct, frozen=True):
    """Per account: `whole` (equal for equal accounts), its bare `number` (empty where it cannot be
    told or is short), and whether the account *is* written bare, without a bank.
    """

    whole: pa.StringArray
    number: pa.StringArray
    bare: NDArray[np.bool_]


def account_keys(accounts: pa.StringArray) -> AccountKeys:
    """Keys of `accounts`; each distinct text is read once. The empty text has empty keys."""
    if are_empty(accounts):
        return AccountKeys(accounts, accounts, np.zeros(len(accounts), dtype=np.bool_))
    if len(accounts) <= FEW_ROWS and not has_byte(accounts, BEYOND_ASCII):
        whole, number, bare = zip(*map(_keys_of_one, accounts.to_pylist()), strict=True)
        return AccountKeys(
            pa.array(whole, pa.string()), pa.array(number, pa.string()), np.array(bare)
        )
    encoded = accounts.dictionary_encode()
    keys = _keys_of(encoded.dictionary)
    code = encoded.indices
    return AccountKeys(
        keys.whole.take(code),
        keys.number.take(code),
        keys.bare[code.to_numpy(zero_copy_only=False)],
    )


def _keys_of_one(account: str) -> tuple[str, str, bool]:
    """As `_keys_of`, of one account in ASCII: in the time a function of Arrow's takes to begin."""
    packed = _LEFT_OUT.sub("", account.upper()).removeprefix("IBAN")
    if not packed.strip("0/"):
        return "", "", False
    whole = packed
    routing, stroke, _ = packed.partition("/")
    number, split = packed.rpartition("/")[2], bool(stroke)
    if _IBAN.match(packed) and int("".join(_value(packed[4:] + packed[:4]))) % 97 == 1:
        country, basic = packed[:2], packed[4:]
        whole, length = f"{country}:{basic}", _ROUTING_DIGITS.get(country, 0)
        if length:
            routing, number = basic[4 if country == "GB" else 0 : length], basic[length:]
            split = True
    number = number.lstrip("0")
    if split:
        whole = f"{routing.lstrip('0')}/{number}"
    bare = number.isdigit() and not split
    tells = (number.isdigit() or split) and len(number) >= _NUMBER_LENGTH_MIN
    return number if bare else whole, number if tells else "", bare


def _value(characters: str) -> list[str]:
    """Digits as they are, letters as 10 to 35."""
    return [str(int(one, 36)) for one in characters]


def _keys_of(accounts: pa.StringArray) -> AccountKeys:
    packed = _packed(accounts)
    split = rows_with_byte(packed, _SLASH)
    whole = routing = number = packed
    if np.count_nonzero(split):
        routing = pc.replace_substring_regex(packed, "/.*$", "")
        number = pc.replace_substring_regex(packed, "^.*/", "")
    verified = _verified(packed)
    if np.count_nonzero(verified):
        basic = pc.utf8_slice_codeunits(packed, 4)
        country = pc.utf8_slice_codeunits(packed, 0, 2)
        whole = text_of(verified, pc.binary_join_element_wise(country, basic, ":"), packed)
        for name, length in _ROUTING_DIGITS.items():
            here = verified & pc.equal(country, name).to_numpy(zero_copy_only=False)
            if np.count_nonzero(here):
                first = 4 if name == "GB" else 0
                routing = text_of(here, pc.utf8_slice_codeunits(basic, first, length), routing)
                number = text_of(here, pc.utf8_slice_codeunits(basic, length), number)
                split |= here
    number = pc.utf8_ltrim(number, "0")
    if np.count_nonzero(split):
        both = pc.binary_join_element_wise(pc.utf8_ltrim(routing, "0"), number, "/")
        whole = text_of(split, both, whole)
    numeric = ~rows_with_byte(number, ~_DIGIT) & ~is_empty(number)
    bare = numeric & ~split
    whole = text_of(bare, number, whole)
    long = pc.binary_length(number).to_numpy(zero_copy_only=False) >= _NUMBER_LENGTH_MIN
    tells = (numeric | split) & long
    return AccountKeys(whole, text_of(tells, number, blanks(len(number))), bare)


def _packed(accounts: pa.StringArray) -> pa.StringArray:
    """Capitals, digits and strokes of each account; nothing of one that is all zeros."""
    packed = pc.utf8_upper(accounts)
    if has_byte(packed, ~(_LETTER | _DIGIT | _SLASH)):
        packed = pc.replace_substring_regex(packed, _LEFT_OUT.pattern, "")
    if has_byte(packed, _LETTER):
        packed = pc.replace_substring_regex(packed, "^IBAN", "")
    tells = rows_with_byte(packed, _LETTER | _TELLING_DIGIT)
    return text_of(tells, packed, blanks(len(packed)))


def _verified(packed: pa.StringArray) -> NDArray[np.bool_]:
    """IBANs whose check digits are right (remainder 1 by 97, letters read as 10 to 35)."""
    if not has_byte(packed, _LETTER):
        return np.zeros(len(packed), dtype=np.bool_)
    verified: NDArray[np.bool_] = (
        pc.match_substring_regex(packed, _IBAN.pattern).to_numpy(zero_copy_only=False).copy()
    )
    rows = verified.nonzero()[0]
    if not len(rows):
        return verified
    turned = pc.binary_join_element_wise(
        pc.utf8_slice_codeunits(packed.take(pa.array(rows)), 4),
        pc.utf8_slice_codeunits(packed.take(pa.array(rows)), 0, 4),
        "",
    )
    offsets = np.frombuffer(turned.buffers()[1], dtype=np.int32)[: len(rows) + 1].astype(np.int64)
    data = turned.buffers()[2]
    content = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, np.uint8)
    length = np.diff(offsets)
    remainder = np.zeros(len(rows), dtype=np.int64)
    for place in range(int(length.max(initial=0))):
        live = (length > place).nonzero()[0]
        value = _LETTER_VALUE[content[offsets[live] + place]]
        shift = np.where(value > 9, 100, 10)
        remainder[live] = (remainder[live] * shift + value) % 97
    verified[rows] = remainder == 1
    return verified
