"""The scans behind references against reading by hand: runs, words, look-alikes, keys, chunks."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracles.token_oracle import lookalikes_read, runs_of, words_of
from random_worlds import CALM

import engine.tokens
from engine.key_table import KeyTable
from engine.tokens import (
    TextChunk,
    confusable_digits,
    run_hashes,
    run_values,
    scan_digits,
    scan_letters,
    scan_words,
    text_bytes,
    text_chunks,
    words_of_chunk,
)

TEXTS = st.lists(
    st.text(max_size=20)
    | st.text(alphabet="0123456789OoQIlLsSBbZ-/._#: aé½", max_size=30)
    | st.from_regex(r"(INV|inv)[-_./ ]?[0-9]{1,30}", fullmatch=True),
    max_size=5,
)


def _chunk(texts):
    return TextChunk.of(*text_bytes(pa.array(texts, pa.string())))


def _placed(chunk, runs):
    """(row, start within the row, end within the row) of each run."""
    row = chunk.row_of(runs.start)
    begin = chunk.offsets[row]
    columns = (row, runs.start - begin, runs.end - begin)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@CALM
@given(TEXTS)
def test_numbers_are_read_like_by_hand(texts):
    chunk = _chunk(texts)
    runs = scan_digits(chunk)
    values = run_values(chunk.content, runs.start, runs.end).tolist()
    expected = [
        ((row, start, end), int(digits) % 2**64)
        for row, text in enumerate(texts)
        for start, end, digits in runs_of(text, "digit")
    ]
    assert list(zip(_placed(chunk, runs), values, strict=True)) == expected


@CALM
@given(TEXTS)
def test_letters_are_read_like_by_hand_and_equal_ones_have_equal_hashes(texts):
    chunk = _chunk(texts)
    runs = scan_letters(chunk)
    found = [(row, *run) for row, text in enumerate(texts) for run in runs_of(text, "letter")]
    assert _placed(chunk, runs) == [(row, start, end) for row, start, end, _ in found]
    hashes = run_hashes(chunk.content, runs.start, runs.end).tolist()
    _same_partition([letters for *_, letters in found], hashes)


@CALM
@given(TEXTS)
def test_words_are_read_like_by_hand(texts):
    content, offsets = text_bytes(pa.array(texts, pa.string()))
    words = scan_words(content, offsets)
    begin = offsets[words.row]
    columns = (words.row, words.start - begin, words.end - begin, words.digit_count)
    got = list(zip(*(column.tolist() for column in columns), strict=True))
    found = [(row, *word) for row, text in enumerate(texts) for word in words_of(text)]
    assert got == [(row, start, end, digits) for row, start, end, _, digits in found]
    assert words.letter_count.tolist() == [len(kept) - n for *_, kept, n in found]
    _same_partition([kept for *_, kept, _ in found], words.value.tolist())


def _same_partition(texts, hashes):
    """Equal texts have one hash, different ones different hashes."""
    assert len(texts) == len(hashes)
    pairs = set(zip(texts, hashes, strict=True))
    assert len(pairs) == len(set(texts)) == len(set(hashes))


@CALM
@given(st.lists(st.text(alphabet="0123456789OQILSBZoqilsbzXY -", max_size=30), max_size=4))
@example(["TOTAL 2,085.00", "INV 87280"])
def test_lookalikes_beside_digits_of_their_text_are_read_as_digits(texts):
    read = confusable_digits(_chunk(texts)).tobytes()
    assert read == b"".join(lookalikes_read(text) for text in texts)


@CALM
@given(st.text(alphabet="0123456789OQILSBZXY -", max_size=30))
def test_what_was_read_as_digits_reads_the_same_again_from_its_neighbours(text):
    content, _ = text_bytes(pa.array([text]))
    once = confusable_digits(_chunk([text]))
    assert (once[content != once] >= ord("0")).all()
    assert ((content >= ord("0")) & (content <= ord("9")) <= (content == once)).all()


def test_a_slice_of_an_arrow_array_is_read_like_a_copy():
    sliced = pa.array(["INV-1", "2026/0007", "ACME 12"])[1:]
    assert text_bytes(sliced)[0].tobytes() == b"2026/0007ACME 12"
    assert text_bytes(sliced)[1].tolist() == [0, 9, 16]


@CALM
@given(TEXTS, st.integers(1, 4), st.integers(1, 40))
def test_chunks_are_all_texts_in_order_and_never_part_a_group(texts, rows, size):
    groups = np.arange(len(texts)) // 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.tokens, "_CHUNK_ROWS", rows)
        patch.setattr(engine.tokens, "_CHUNK_BYTES", size)
        chunks = list(text_chunks(pa.array(texts, pa.string()), groups))
    content, offsets = text_bytes(pa.array(texts, pa.string()))
    assert b"".join(chunk.content.tobytes() for chunk in chunks) == content.tobytes()
    assert [chunk.first_row for chunk in chunks if chunk.first_row % 2] == []
    for chunk in chunks:
        assert offsets[chunk.first_row] == chunk.base
        assert len(chunk) > 0
    assert sum(len(chunk) for chunk in chunks) == len(texts)


@CALM
@given(TEXTS, st.sets(st.integers(0, 4)))
def test_only_chosen_texts_are_left_and_the_others_are_empty(texts, chosen):
    chunk = _chunk(texts)
    rows = np.array(sorted(row for row in chosen if row < len(texts)), dtype=np.int64)
    left = _chunk([text if row in rows else "" for row, text in enumerate(texts)])
    part = chunk.with_rows(rows)
    assert part.content.tobytes() == left.content.tobytes()
    assert part.offsets.tolist() == left.offsets.tolist()
    assert words_of_chunk(part).value.tolist() == words_of_chunk(left).value.tolist()


KEYS = st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=60)


@CALM
@given(KEYS, KEYS, st.integers(1, 4))
def test_a_key_table_finds_what_a_dictionary_finds(keys, asked, most):
    values = np.arange(len(keys), dtype=np.uint64)[::-1] // 2
    table = KeyTable.of(np.array(keys, dtype=np.uint64), values)
    known = defaultdict(list)
    for key, value in zip(keys, values.tolist(), strict=True):
        known[key].append(value)
    owner, value = table.find(np.array(asked, dtype=np.uint64), most)
    assert len(table) == len(keys)
    assert list(zip(owner.tolist(), value.tolist(), strict=True)) == [
        (place, value)
        for place, key in enumerate(asked)
        if len(known[key]) <= most
        for value in sorted(known[key])
    ]
    again = KeyTable.of_sorted(*table.rows())
    assert again.own.entry.tolist() == table.own.entry.tolist()
    assert again.behind.entry.tolist() == table.behind.entry.tolist()
    assert again.shared.tolist() == table.shared.tolist()


def test_a_key_table_of_many_keys_finds_each_and_no_other():
    keys = np.arange(0, 400_000, 2, dtype=np.uint64)
    table = KeyTable.of(keys, keys + np.uint64(7))
    owner, value = table.find(np.arange(400_000, dtype=np.uint64), 1)
    assert (owner == np.arange(0, 400_000, 2)).all()
    assert (value == keys + np.uint64(7)).all()
