"""Subfields and codewords of many texts at once; what is unusual about one marks it slow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from parsers.mt94x_dialects import (
    CODEWORDS,
    PLACEHOLDERS,
    PURPOSE_WIDTH,
    SEPA_CODEWORDS,
    SEPA_KEYS,
    SUBFIELDS,
    TRANSFER_METHODS,
)
from parsers.mt94x_flat_texts import FlatTexts, one_line_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from parsers.byte_slices import Offsets

__all__ = ["read_flat_codewords", "read_flat_subfields"]

_Found = tuple[dict[str, pa.Array], "NDArray[np.bool_]", "NDArray[np.bool_]"]
"""Facts, which texts are slow, and which have facts of SEPA."""

_TEXT_FACT, _ASIDE_FACT = 0, 1
_KEY_FACTS: Final = ("text", "aside", "end_to_end_id", "customer_reference", "ultimate_payer_name")
_NAME_FACT: Final = _KEY_FACTS.index("ultimate_payer_name")
_ENDS: Final = b" /"


def _word(name: str) -> int:
    return int.from_bytes(name.encode(), "big")


def _lookup(table: dict[str, int], words: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of each word in `table`, -1 where it has none."""
    known = np.array(sorted(_word(name) for name in table), np.int64)
    numbers = np.array([table[name] for name in sorted(table, key=_word)], np.int64)
    at = np.minimum(np.searchsorted(known, words), len(known) - 1)
    return np.where(known[at] == words, numbers[at], -1)


_KEYS_OF_FOUR: Final = {
    key: _KEY_FACTS.index(fact) if fact in _KEY_FACTS else -2
    for key, fact in SEPA_KEYS.items()
    if len(key) == 4
}
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
)
_CODEWORDS_BY_LENGTH: Final = {
    length: {
        word: _CODEWORD_ROLES.index(role) if role in _CODEWORD_ROLES else 0
        for word, role in CODEWORDS.items()
        if len(word) == length
    }
    for length in (2, 3, 4)
}


def read_flat_subfields(flat: FlatTexts, separators: NDArray[np.uint8]) -> _Found:
    """Texts that begin with a business code and a separator (one per text)."""
    slow = np.zeros(flat.row_count, np.bool_)
    places = [flat.positions(one) for one in sorted(set(separators.tolist()))]
    tags = np.sort(np.concatenate([*places, np.empty(0, np.int64)]))
    row = flat.row_of(tags)
    is_tag = (
        (flat.data[tags] == separators[row])
        & flat.is_digit(tags + 1)
        & flat.is_digit(tags + 2)
        & (tags + 3 <= flat.ends[row])
    )
    tags, row = tags[is_tag], row[is_tag]
    number = (flat.data[tags + 1] - 48).astype(np.int64) * 10 + (flat.data[tags + 2] - 48)
    starts = tags + 3
    follows = row[1:] == row[:-1]
    stops = np.append(np.where(follows, tags[1:], flat.ends[row[:-1]]), flat.ends[row[-1:]])
    slow[row[1:][follows & (number[1:] <= number[:-1])]] = True
    slow[row[number == 38]] = True
    single = {
        name: _one_per_row(flat, row, starts, stops, number == int(name)) for name in ("30", "31")
    }
    facts = {
        "payer_name": _names(flat, row, starts, stops, number),
        "payer_account": _account(flat, single["30"], single["31"], slow),
    }
    is_purpose = np.isin(number, [int(one) for one, fact in SUBFIELDS.items() if fact == "text"])
    purpose = (row[is_purpose], starts[is_purpose], stops[is_purpose], number[is_purpose])
    sepa = _purpose(flat, purpose, facts, slow)
    return facts, slow, sepa


def _one_per_row(
    flat: FlatTexts,
    row: Offsets,
    starts: Offsets,
    stops: Offsets,
    chosen: NDArray[np.bool_],
) -> tuple[Offsets, Offsets]:
    """The chosen range of each text, empty where it has none."""
    first = np.zeros(flat.row_count, np.int64)
    last = np.zeros(flat.row_count, np.int64)
    first[row[chosen]], last[row[chosen]] = starts[chosen], stops[chosen]
    return flat.trimmed(first, last, b" ")


def _names(
    flat: FlatTexts, row: Offsets, starts: Offsets, stops: Offsets, number: NDArray[np.int64]
) -> pa.Array:
    """Subfields 32 and 33; a blank between them unless the first fills its width."""
    chosen = np.flatnonzero((number == 32) | (number == 33))
    owner, lengths = row[chosen], (stops - starts)[chosen]
    joints = np.zeros(len(chosen), np.int64)
    joints[1:] = (owner[1:] == owner[:-1]) & (lengths[:-1] < PURPOSE_WIDTH)
    return one_line_column(flat.strings(owner, starts[chosen], stops[chosen], joints))


def _account(
    flat: FlatTexts,
    bank: tuple[Offsets, Offsets],
    account: tuple[Offsets, Offsets],
    slow: NDArray[np.bool_],
) -> pa.Array:
    rows = np.arange(flat.row_count)
    banks, accounts = flat.strings(rows, *bank), flat.strings(rows, *account)
    blanks = pc.or_(pc.match_substring(accounts, " "), pc.match_substring(banks, "  "))
    slow |= blanks.to_numpy(zero_copy_only=False)
    alone = pc.or_(
        pc.match_substring_regex(accounts, "^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$"),
        pc.or_(pc.equal(accounts, ""), pc.equal(banks, "")),
    )
    both = pc.binary_join_element_wise(banks, accounts, "/")
    return pc.if_else(alone, accounts, both)


def _purpose(
    flat: FlatTexts,
    purpose: tuple[Offsets, Offsets, Offsets, NDArray[np.int64]],
    facts: dict[str, pa.Array],
    slow: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Keys at the beginning of subfields, and the text; gives which texts have a key."""
    row, starts, stops, number = purpose
    count = len(row)
    is_new = np.append(True, row[1:] != row[:-1])[:count]
    key = np.where(
        (flat.data[starts + 4] == ord("+")) & (starts + 5 <= stops),
        _lookup(_KEYS_OF_FOUR, flat.words(starts, 4)),
        -1,
    )
    is_bic = (flat.words(starts, 4) == _word("BIC+")) & (starts + 4 <= stops)
    key = np.where(is_bic, _ASIDE_FACT, key)
    slow[row[key == -2]] = True
    _mark_odd_keys(flat, row, starts, stops, np.where(key >= 0, starts + 4 - is_bic, -1), slow)
    width = np.append(0, (stops - starts)[:-1])[:count]
    before = np.append(-9, number[:-1])[:count]
    in_order = ~is_new & ((number == before + 1) | ((number == 60) & (before == 29)))
    joint = np.where(in_order & (width >= PURPOSE_WIDTH), 0, 2)
    joint = np.where(in_order & (width == PURPOSE_WIDTH - 1), 1, joint)
    begins = is_new | (key >= 0)
    group = np.cumsum(begins) - 1
    fact = np.where(key[begins] >= 0, key[begins], _TEXT_FACT)[group]
    breaks = np.cumsum((joint == 2) & ~begins)
    is_broken = breaks > np.maximum.accumulate(np.where(begins, breaks, 0))
    is_name = fact == _NAME_FACT
    is_text = (fact == _TEXT_FACT) | (is_broken & ~is_name)
    starts = starts + np.where(key >= 0, 5 - is_bic, 0)
    for one, name in enumerate(_KEY_FACTS):
        mine = np.flatnonzero((fact == one) & ~is_text)
        if one in {_TEXT_FACT, _ASIDE_FACT}:
            continue
        owner = row[mine]
        heads = owner[begins[mine]]
        slow[heads[1:][heads[1:] == heads[:-1]]] = True
        joints = np.where(begins[mine], 0, np.minimum(joint[mine], 1))
        column = one_line_column(flat.strings(owner, starts[mine], stops[mine], joints))
        if name != "ultimate_payer_name":
            none = pc.is_in(pc.ascii_upper(column), value_set=pa.array(sorted(PLACEHOLDERS)))
            column = pc.if_else(none, "", column)
        facts[name] = column
    mine = np.flatnonzero(is_text)
    owner = row[mine]
    is_next = np.append(False, (mine[1:] == mine[:-1] + 1) & (owner[1:] == owner[:-1]))[: len(mine)]
    joints = np.where(is_next & ~begins[mine], joint[mine], 2)
    joints[np.append(True, owner[1:] != owner[:-1])[: len(mine)]] = 0
    facts["text"] = _text_column(flat.strings(owner, starts[mine], stops[mine], joints))
    sepa = np.zeros(flat.row_count, np.bool_)
    sepa[row[key >= 0]] = True
    return sepa


def _mark_odd_keys(
    flat: FlatTexts,
    row: Offsets,
    starts: Offsets,
    stops: Offsets,
    plus: Offsets,
    slow: NDArray[np.bool_],
) -> None:
    """Mark texts with a key that does not begin a subfield, is broken, or ends in a colon."""
    signs = np.sort(np.concatenate([flat.positions(ord("+")), flat.positions(ord(":"))]))
    if not len(signs) or not len(starts):
        return
    at = np.searchsorted(starts, signs, side="right") - 1
    inside = (at >= 0) & (signs < stops[at])
    signs, at = signs[inside], at[inside]
    place = signs - starts[at]
    known = _lookup(_KEYS_OF_FOUR, flat.words(np.maximum(signs - 4, 0), 4)) != -1
    known |= flat.words(np.maximum(signs - 3, 0), 3) == _word("BIC")
    odd = (known | (place < 4)) & (signs != plus[at])
    slow[row[at[odd]]] = True


def _text_column(column: pa.Array) -> pa.Array:
    """Lines without blanks at their ends, those that hold nothing left out."""
    if pc.any(pc.match_substring_regex(column, " \n|\n |\n\n")).as_py():
        column = pc.replace_substring_regex(column, "[ \n]*\n[ \n]*", "\n")
    return pc.utf8_trim(column, " \n")


def read_flat_codewords(flat: FlatTexts) -> _Found:
    """Texts that begin with a codeword between slashes."""
    slow = np.zeros(flat.row_count, np.bool_)
    slashes = flat.positions(ord("/"))
    row = flat.row_of(slashes)
    after = np.append(slashes[1:], 0)[: len(slashes)]
    is_pair = np.append(row[1:] == row[:-1], False)[: len(row)]
    role = np.full(len(slashes), -1, np.int64)
    sepa_word = np.zeros(len(slashes), np.bool_)
    sepa_words = [_word(one) for one in sorted(SEPA_CODEWORDS)]
    for length, table in _CODEWORDS_BY_LENGTH.items():
        mine = np.flatnonzero(is_pair & (after - slashes == length + 1))
        words = flat.words(slashes[mine] + 1, length)
        role[mine] = _lookup(table, words)
        sepa_word[mine] = np.isin(words, sepa_words)
    keys = np.flatnonzero(role >= 0)
    row, role, sepa_word = row[keys], role[keys], sepa_word[keys]
    begin, starts = slashes[keys], after[keys] + 1
    follows = row[1:] == row[:-1]
    stops = np.append(np.where(follows, begin[1:], flat.ends[row[:-1]]), flat.ends[row[-1:]])
    heads = np.full(flat.row_count, -1, np.int64)
    first = np.append(True, ~follows)[: len(row)]
    heads[row[first]] = begin[first]
    slow |= heads != flat.begins
    slow[row[role == 0]] = True
    starts = np.minimum(starts, stops)
    columns = _codeword_facts(flat, row, role, (starts, stops), slow)
    sepa = np.zeros(flat.row_count, np.bool_)
    sepa[row[sepa_word]] = True
    return columns, slow, sepa


def _codeword_facts(
    flat: FlatTexts,
    row: Offsets,
    role: NDArray[np.int64],
    ranges: tuple[Offsets, Offsets],
    slow: NDArray[np.bool_],
) -> dict[str, pa.Array]:
    rows = np.arange(flat.row_count)
    found: dict[str, tuple[Offsets, Offsets]] = {}
    for number, name in enumerate(_CODEWORD_ROLES):
        if name in {"other", "aside", "party"}:
            continue
        mine = role == number
        owners = row[mine]
        slow[owners[1:][owners[1:] == owners[:-1]]] = True
        first, last = np.zeros(flat.row_count, np.int64), np.zeros(flat.row_count, np.int64)
        first[owners], last[owners] = ranges[0][mine], ranges[1][mine]
        found[name] = (first, last)
    has_counterparty = found["counterparty"][0] < found["counterparty"][1]
    account, party = _counterparty(flat, *flat.trimmed(*found["counterparty"], _ENDS))
    own_account = flat.trimmed(*found["payer_account"], _ENDS)
    own_name = flat.trimmed(*found["name"], _ENDS)
    slow |= has_counterparty & ((own_account[0] < own_account[1]) | (own_name[0] < own_name[1]))
    columns = {
        "payer_account": flat.strings(rows, *_either(own_account, account)),
        "payer_name": one_line_column(flat.strings(rows, *_either(own_name, party))),
        "text": _remittance(flat, *found["remittance"], slow),
    }
    columns["payer_account"] = pc.replace_substring(columns["payer_account"], " ", "")
    for fact in ("end_to_end_id", "customer_reference"):
        column = one_line_column(flat.strings(rows, *flat.trimmed(*found[fact], _ENDS)))
        none = pc.is_in(pc.ascii_upper(column), value_set=pa.array(sorted(PLACEHOLDERS)))
        columns[fact] = pc.if_else(none, "", column)
    columns["method"] = _methods(flat.strings(rows, *flat.trimmed(*found["transfer"], _ENDS)))
    return columns


def _either(
    one: tuple[Offsets, Offsets], other: tuple[Offsets, Offsets]
) -> tuple[Offsets, Offsets]:
    has_one = one[0] < one[1]
    return np.where(has_one, one[0], other[0]), np.where(has_one, one[1], other[1])


def _counterparty(
    flat: FlatTexts, starts: Offsets, stops: Offsets
) -> tuple[tuple[Offsets, Offsets], tuple[Offsets, Offsets]]:
    """Account and name of `account/bank/name/…`."""
    slashes = np.append(flat.positions(ord("/")), [len(flat.data)] * 4)
    at = np.searchsorted(slashes[:-4], starts)
    first, second, third = (np.minimum(slashes[at + place], stops) for place in range(3))
    return flat.trimmed(starts, first, b" "), flat.trimmed(
        np.minimum(second + 1, stops), third, b" "
    )


def _remittance(
    flat: FlatTexts, starts: Offsets, stops: Offsets, slow: NDArray[np.bool_]
) -> pa.Array:
    """`USTD//text`, `//text`, or text."""
    word = flat.words(starts, 5)
    has_word = (word == _word("USTD/")) & (starts + 5 <= stops)
    slow |= (word == _word("STRD/")) & (starts + 5 <= stops)
    begin = starts + 5 * has_word
    begin = np.where(has_word & (begin < stops) & (flat.data[begin] == ord("/")), begin + 1, begin)
    begin, end = flat.trimmed(begin, stops, _ENDS)
    return flat.strings(np.arange(flat.row_count), begin, end)


def _methods(transfers: pa.Array) -> pa.Array:
    """Methods of what `/TRTP/` names, each distinct one looked up once."""
    encoded = transfers.dictionary_encode()
    found = [
        next((way for start, way in TRANSFER_METHODS.items() if one.upper().startswith(start)), "")
        for one in encoded.dictionary.to_pylist()
    ]
    return pa.array(found, pa.string()).take(encoded.indices)
