"""Subfields and codewords of many texts at once; what is unusual about one marks it slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.mt94x_dialects import (
    CODEWORDS,
    PURPOSE_WIDTH,
    SEPA_CODEWORDS,
    SEPA_KEYS,
    SUBFIELDS,
    TRANSFER_METHODS,
)
from parsers.mt94x_strings import (
    BLANK_JOINT,
    BREAK_JOINT,
    NO_JOINT,
    letters_table,
    one_line_strings,
    reference_strings,
    string_bytes,
    text_strings,
    word_of,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets
    from parsers.mt94x_flat_texts import FlatTexts

__all__ = ["read_flat_codewords", "read_flat_subfields"]

_Found = tuple[dict[str, pa.Array], "NDArray[np.bool_]", "NDArray[np.bool_]"]
"""Facts, which texts are slow, and which have facts of SEPA."""

_TEXT_FACT, _ASIDE_FACT = 0, 1
_KEY_FACTS: Final = ("text", "aside", "end_to_end_id", "customer_reference", "ultimate_payer_name")
_NAME_FACT: Final = _KEY_FACTS.index("ultimate_payer_name")
_UNKNOWN, _SLOW_FACT = -1, -2
_KEY_LENGTH: Final = 4
_BLANKS: Final = letters_table(b" ")
_ENDS: Final = letters_table(b" /")
_UPPER_LETTERS: Final = letters_table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ACCOUNT_LETTERS: Final = letters_table(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_IBAN_WIDTHS: Final = (15, 34)
_ADDRESSES: Final = 60


class _Words:
    """Words of one length and the number that stands for each."""

    def __init__(self, table: dict[str, int]) -> None:
        pairs = sorted((int(word_of(name)), number) for name, number in table.items())
        self._known = np.array([word for word, _ in pairs], np.uint64)
        self._numbers = np.array([number for _, number in pairs], np.int64)

    def numbers_of(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        """The number of each word, -1 where it has none."""
        at = np.minimum(np.searchsorted(self._known, words), len(self._known) - 1)
        return np.where(self._known[at] == words, self._numbers[at], _UNKNOWN)


_KEYS: Final = _Words(
    {
        key: _KEY_FACTS.index(fact) if fact in _KEY_FACTS else _SLOW_FACT
        for key, fact in SEPA_KEYS.items()
        if len(key) == _KEY_LENGTH
    }
)
_CODEWORD_ROLES: Final = (
    "other",
    "aside",
    "party",
    "end_to_end_id",
    "customer_reference",
    "payer_account",
    "name",
    "remittance",
    "counterparty",
    "transfer",
    "uetr",
)
_CODEWORDS_BY_LENGTH: Final = {
    length: _Words(
        {
            word: _CODEWORD_ROLES.index(role) if role in _CODEWORD_ROLES else 0
            for word, role in CODEWORDS.items()
            if len(word) == length
        }
    )
    for length in (2, 3, 4)
}
_SEPA_WORDS: Final = np.array([word_of(one) for one in sorted(SEPA_CODEWORDS)], np.uint64)
_MASKS: Final = np.array([(1 << 8 * width) - 1 for width in range(_KEY_LENGTH + 1)], np.uint64)
_IS_PURPOSE: Final = np.array(
    [SUBFIELDS.get(f"{number:02}") == "text" for number in range(100)], np.bool_
)


def _at_changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each value differs from the one before it; the first does."""
    found = np.ones(len(values), np.bool_)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def read_flat_subfields(flat: FlatTexts, separators: NDArray[np.uint8]) -> _Found:
    """Texts that begin with a business code and a separator (one per text)."""
    slow = np.zeros(flat.row_count, np.bool_)
    known = bytes(sorted(set(separators.tolist())))
    tags = flat.positions(known)
    row = flat.rows_of(tags)
    is_tag = flat.are_digits(tags + 1) & flat.are_digits(tags + 2) & (tags + 3 <= flat.ends[row])
    if len(known) > 1:
        is_tag &= flat.data[tags] == separators[row]
    if not is_tag.all():
        tags, row = tags[is_tag], row[is_tag]
    number = flat.data[tags + 1] * np.int64(10) + flat.data[tags + 2] - ord("0") * 11
    starts = tags + 3
    follows = row[1:] == row[:-1]
    stops = np.append(np.where(follows, tags[1:], flat.ends[row[:-1]]), flat.ends[row[-1:]])
    slow[row[1:][follows & (number[1:] <= number[:-1])]] = True
    bank, account, iban = (
        _one_per_row(flat, row, starts, stops, np.flatnonzero(number == one))
        for one in (30, 31, 38)
    )
    names_iban = np.zeros(flat.row_count, np.bool_)
    names_iban[row[number == 38]] = True
    slow |= names_iban & (iban[0] >= iban[1])
    facts = {
        "payer_name": _names(flat, row, starts, stops, number),
        "payer_account": _account(flat, bank, _either(iban, account), names_iban, slow),
    }
    is_purpose = _IS_PURPOSE[number]
    if names_iban.any():
        is_purpose &= (number < _ADDRESSES) | ~names_iban[row]
    mine = np.flatnonzero(is_purpose)
    purpose = _Purpose(flat, row[mine], starts[mine], stops[mine], number[mine], slow)
    facts |= purpose.facts()
    return facts, slow, purpose.is_sepa


def _one_per_row(
    flat: FlatTexts, row: Offsets, starts: Offsets, stops: Offsets, chosen: Offsets
) -> tuple[Offsets, Offsets]:
    """The chosen range of each text, empty where it has none."""
    first = np.zeros(flat.row_count, np.int64)
    last = np.zeros(flat.row_count, np.int64)
    owner = row[chosen]
    first[owner], last[owner] = starts[chosen], stops[chosen]
    return flat.trimmed(first, last, _BLANKS)


def _names(
    flat: FlatTexts, row: Offsets, starts: Offsets, stops: Offsets, number: NDArray[np.int64]
) -> pa.Array:
    """Subfields 32 and 33; a blank between them unless the first fills its width."""
    chosen = np.flatnonzero((number == 32) | (number == 33))
    owner, begin, end = row[chosen], starts[chosen], stops[chosen]
    joints = np.zeros(len(chosen), np.int64)
    goes_on = np.flatnonzero(owner[1:] == owner[:-1])
    joints[1 + goes_on] = flat.widths(begin[goes_on], end[goes_on]) < PURPOSE_WIDTH
    return one_line_strings(flat.joined(owner, begin, end, joints))


def _account(
    flat: FlatTexts,
    bank: tuple[Offsets, Offsets],
    account: tuple[Offsets, Offsets],
    is_iban: NDArray[np.bool_],
    slow: NDArray[np.bool_],
) -> pa.Array:
    """Accounts, behind their banks where they are no IBAN."""
    accounts = flat.strings(*account)
    first, stop = account
    width = stop - first
    alone = (width >= _IBAN_WIDTHS[0]) & (width <= _IBAN_WIDTHS[1])
    for place, table in enumerate((_UPPER_LETTERS, _UPPER_LETTERS)):
        alone &= table[flat.data[first + place]]
    alone &= flat.are_digits(first + 2) & flat.are_digits(first + 3)
    offsets, data = string_bytes(accounts)
    odd = np.flatnonzero(~_ACCOUNT_LETTERS[data[: offsets[-1]]])
    if len(odd):
        rows = np.searchsorted(offsets, odd, side="right") - 1
        alone[rows] = False
        slow[rows[data[odd] == ord(" ")]] = True
    alone |= is_iban | (width <= 0) | (bank[0] >= bank[1])
    if alone.all():
        return accounts
    banks = flat.strings(*bank)
    slow |= pc.match_substring(banks, "  ").to_numpy(zero_copy_only=False)
    both = pc.binary_join_element_wise(banks, accounts, "/")
    return pc.if_else(pa.array(alone), accounts, both)


class _Purpose:
    """Subfields of the purpose: keys at their beginnings, and the text.

    What a key begins goes on in the subfields that follow it in order, up to the next key; where a
    subfield does not fill its width, text follows.
    """

    def __init__(
        self,
        flat: FlatTexts,
        row: Offsets,
        starts: Offsets,
        stops: Offsets,
        number: NDArray[np.int64],
        slow: NDArray[np.bool_],
    ) -> None:
        self._flat, self._row, self._slow = flat, row, slow
        key, length = self._keys(starts, stops)
        is_new = _at_changes(row)
        slow[row[key == _SLOW_FACT]] = True
        self.is_sepa = np.zeros(flat.row_count, np.bool_)
        self.is_sepa[row[key >= 0]] = True
        self._mark_odd_keys(starts, stops, np.where(key >= 0, starts + length - 1, -1))
        self._joint = self._joints(flat.widths(starts, stops), number, is_new)
        self._begins = is_new | (key >= 0)
        group = np.cumsum(self._begins) - 1
        self._fact = np.where(key >= 0, key, _TEXT_FACT)[self._begins][group]
        breaks = np.cumsum((self._joint == BREAK_JOINT) & ~self._begins)
        is_broken = breaks > breaks[self._begins][group]
        self._is_text = (self._fact == _TEXT_FACT) | (is_broken & (self._fact != _NAME_FACT))
        self._starts, self._stops = starts + length, stops

    def _keys(self, starts: Offsets, stops: Offsets) -> tuple[NDArray[np.int64], Offsets]:
        """The fact of the key at the beginning of each subfield, and the length of the key."""
        words = self._flat.words(starts, _KEY_LENGTH + 1)
        key = np.full(len(starts), _UNKNOWN, np.int64)
        length = np.zeros(len(starts), np.int64)
        width = stops - starts
        has_plus = (words >> np.uint64(8 * _KEY_LENGTH)) == ord("+")
        mine = np.flatnonzero(has_plus & (width > _KEY_LENGTH))
        key[mine] = _KEYS.numbers_of(words[mine] & np.uint64(0xFFFFFFFF))
        is_bic = ((words & np.uint64(0xFFFFFFFF)) == word_of("BIC+")) & (width >= _KEY_LENGTH)
        key[is_bic] = _ASIDE_FACT
        length[key >= 0] = _KEY_LENGTH + 1
        length[is_bic] = _KEY_LENGTH
        return key, length

    def _mark_odd_keys(self, starts: Offsets, stops: Offsets, plus: Offsets) -> None:
        """Mark texts with a key that does not begin a subfield, is broken, or ends in a colon."""
        flat = self._flat
        signs = flat.positions(b"+:")
        if not len(signs) or not len(starts):
            return
        at = np.searchsorted(starts, signs, side="right") - 1
        kept = np.flatnonzero((at >= 0) & (signs != plus[at]) & (signs < stops[at]))
        signs, at = signs[kept], at[kept]
        words = flat.words(np.maximum(signs - _KEY_LENGTH, 0), _KEY_LENGTH)
        odd = (_KEYS.numbers_of(words) != _UNKNOWN) | (signs - starts[at] < _KEY_LENGTH)
        odd |= (words >> np.uint64(8)) == word_of("BIC")
        self._slow[self._row[at[odd]]] = True

    def _joints(
        self, widths: Offsets, number: NDArray[np.int64], is_new: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """What stands before each subfield, were there no keys."""
        joint = np.full(len(widths), BREAK_JOINT, np.int64)
        in_order = np.zeros(len(widths), np.bool_)
        in_order[1:] = (number[1:] == number[:-1] + 1) | ((number[1:] == 60) & (number[:-1] == 29))
        in_order &= ~is_new
        before = np.zeros(len(widths), np.int64)
        before[1:] = widths[:-1]
        joint[in_order & (before >= PURPOSE_WIDTH)] = NO_JOINT
        joint[in_order & (before == PURPOSE_WIDTH - 1)] = BLANK_JOINT
        return joint

    def facts(self) -> dict[str, pa.Array]:
        """The columns of the keys, and the text."""
        flat, row, begins = self._flat, self._row, self._begins
        found = {}
        for one, name in enumerate(_KEY_FACTS):
            if one in {_TEXT_FACT, _ASIDE_FACT}:
                continue
            mine = np.flatnonzero((self._fact == one) & ~self._is_text)
            if not len(mine):
                continue
            owner = row[mine]
            heads = owner[begins[mine]]
            self._slow[heads[1:][heads[1:] == heads[:-1]]] = True
            joints = np.where(begins[mine], NO_JOINT, np.minimum(self._joint[mine], BLANK_JOINT))
            starts, stops = self._starts[mine], self._stops[mine]
            column = one_line_strings(flat.joined(owner, starts, stops, joints))
            found[name] = column if one == _NAME_FACT else reference_strings(column)
        return found | {"text": self._text()}

    def _text(self) -> pa.Array:
        mine = np.flatnonzero(self._is_text)
        owner = self._row[mine]
        is_first = _at_changes(owner)
        is_next = np.zeros(len(mine), np.bool_)
        is_next[1:] = mine[1:] == mine[:-1] + 1
        is_next &= ~is_first & ~self._begins[mine]
        joints = np.where(is_next, self._joint[mine], BREAK_JOINT)
        joints[is_first] = NO_JOINT
        column = self._flat.joined(owner, self._starts[mine], self._stops[mine], joints)
        return text_strings(column)


def read_flat_codewords(flat: FlatTexts) -> _Found:
    """Texts that begin with a codeword between slashes."""
    slow = np.zeros(flat.row_count, np.bool_)
    slashes = flat.positions(b"/")
    widths = np.diff(slashes, append=0) - 1
    words = flat.words(slashes + 1, _KEY_LENGTH)
    role = np.full(len(slashes), _UNKNOWN, np.int64)
    for length, table in _CODEWORDS_BY_LENGTH.items():
        mine = np.flatnonzero(widths == length)
        role[mine] = table.numbers_of(words[mine] & np.uint64((1 << 8 * length) - 1))
    keys = np.flatnonzero(role >= 0)
    begin, starts, role = slashes[keys], slashes[keys] + widths[keys] + 2, role[keys]
    row = flat.rows_of(begin)
    is_whole = starts <= flat.ends[row]
    if not is_whole.all():
        keys, begin, starts = keys[is_whole], begin[is_whole], starts[is_whole]
        row, role = row[is_whole], role[is_whole]
    is_first = _at_changes(row)
    stops = np.where(np.append(is_first[1:], True), flat.ends[row], np.append(begin[1:], 0))
    heads = np.full(flat.row_count, -1, np.int64)
    heads[row[is_first]] = begin[is_first]
    slow |= heads != flat.begins
    slow[row[role == 0]] = True
    columns = _codeword_facts(flat, row, role, (np.minimum(starts, stops), stops), slow)
    sepa = np.zeros(flat.row_count, np.bool_)
    kept = words[keys] & _MASKS[widths[keys]]
    sepa[row[np.isin(kept, _SEPA_WORDS)]] = True
    return columns, slow, sepa


def _codeword_facts(
    flat: FlatTexts,
    row: Offsets,
    role: NDArray[np.int64],
    ranges: tuple[Offsets, Offsets],
    slow: NDArray[np.bool_],
) -> dict[str, pa.Array]:
    """The columns of all codewords that occur."""
    found: dict[str, tuple[Offsets, Offsets]] = {}
    for number, name in enumerate(_CODEWORD_ROLES):
        mine = np.flatnonzero(role == number)
        if name in {"other", "aside", "party"} or not len(mine):
            continue
        owners = row[mine]
        slow[owners[1:][owners[1:] == owners[:-1]]] = True
        first, last = np.zeros(flat.row_count, np.int64), np.zeros(flat.row_count, np.int64)
        first[owners], last[owners] = ranges[0][mine], ranges[1][mine]
        is_whole = name in {"remittance", "counterparty"}  # slashes have a meaning of their own
        found[name] = (first, last) if is_whole else flat.trimmed(first, last, _ENDS)
    columns = _parties(flat, found, slow)
    if "remittance" in found:
        columns["text"] = _remittance(flat, *found["remittance"], slow)
    for fact in ("end_to_end_id", "customer_reference"):
        if fact in found:
            column = one_line_strings(flat.strings(*found[fact]))
            columns[fact] = reference_strings(column)
    if "uetr" in found:
        columns["uetr"] = one_line_strings(flat.strings(*found["uetr"]))
    if "transfer" in found:
        columns["method"] = _methods(flat.strings(*found["transfer"]))
    return columns


def _parties(
    flat: FlatTexts, found: dict[str, tuple[Offsets, Offsets]], slow: NDArray[np.bool_]
) -> dict[str, pa.Array]:
    """Names and accounts, by themselves or those of a counterparty."""
    accounts, names = found.get("payer_account"), found.get("name")
    if "counterparty" in found:
        account, party = _counterparty(flat, *found["counterparty"])
        for own, other in ((accounts, account), (names, party)):
            if own is not None:
                slow |= (own[0] < own[1]) & (other[0] < other[1])
        accounts, names = _either(accounts, account), _either(names, party)
    columns = {}
    if accounts is not None:
        column = flat.strings(*accounts)
        _, data = string_bytes(column)
        has_blank = bool((data == ord(" ")).any())
        columns["payer_account"] = pc.replace_substring(column, " ", "") if has_blank else column
    if names is not None:
        columns["payer_name"] = one_line_strings(flat.strings(*names))
    return columns


def _either(
    one: tuple[Offsets, Offsets] | None, other: tuple[Offsets, Offsets]
) -> tuple[Offsets, Offsets]:
    if one is None:
        return other
    has_one = one[0] < one[1]
    return np.where(has_one, one[0], other[0]), np.where(has_one, one[1], other[1])


def _counterparty(
    flat: FlatTexts, starts: Offsets, stops: Offsets
) -> tuple[tuple[Offsets, Offsets], tuple[Offsets, Offsets]]:
    """Account and name of `account/bank/name/…`."""
    slashes = np.append(flat.positions(b"/"), [flat.size] * 4)
    at = np.searchsorted(slashes[:-4], starts)
    first, second, third = (np.minimum(slashes[at + place], stops) for place in range(3))
    return flat.trimmed(starts, first, _BLANKS), flat.trimmed(
        np.minimum(second + 1, stops), third, _BLANKS
    )


def _remittance(
    flat: FlatTexts, starts: Offsets, stops: Offsets, slow: NDArray[np.bool_]
) -> pa.Array:
    """`USTD//text`, `//text`, or text."""
    has_word = flat.begin_with(starts, stops, "USTD/")
    slow |= flat.begin_with(starts, stops, "STRD/")
    begin = np.minimum(starts + 5 * has_word, stops)
    return flat.strings(*flat.trimmed(begin, stops, _ENDS))


def _methods(transfers: pa.Array) -> pa.Array:
    """Methods of what `/TRTP/` names, each distinct one looked up once."""
    encoded = transfers.dictionary_encode()
    found = [
        next((way for start, way in TRANSFER_METHODS.items() if one.upper().startswith(start)), "")
        for one in encoded.dictionary.to_pylist()
    ]
    return pa.array(found, pa.string()).take(encoded.indices)
