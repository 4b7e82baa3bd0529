"""What is sealed opens with its key alone, in its place alone, and never again once erased."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import KeyFileError, KeyMissingError, SealBrokenError
from store.key_ring import KEY_BYTES, add_master_key, read_key_ring
from store.sealed_content import OwnedSpan, open_content, seal_content
from store.sealed_text import ERASED, SEAL_MARK, TextSealer, is_sealed


class Keys:
    """Data keys in a dict; those taken away are destroyed."""

    def __init__(self, *numbers):
        self.known = {number: bytes([number]) * KEY_BYTES for number in numbers}

    def open_keys(self, numbers):
        return {number: self.known[number] for number in numbers if number in self.known}


ANY_TEXT = st.text() | st.text().map(lambda text: SEAL_MARK + text)


@given(st.lists(st.tuples(ANY_TEXT, st.sampled_from([0, 1, 2]))))
def test_every_text_comes_back(rows):
    sealer = TextSealer(Keys(1, 2))
    texts, numbers = [row[0] for row in rows], [row[1] for row in rows]
    places = [f"payment.payer_name/{number}" for number in range(len(rows))]
    stored = sealer.seal(texts, numbers, places)
    assert sealer.open(stored, places) == texts
    for text, number, one in zip(texts, numbers, stored, strict=True):
        assert is_sealed(one) == bool(number and text)


def test_the_same_text_is_sealed_differently_each_time():
    sealer = TextSealer(Keys(1))
    assert len(set(sealer.seal(["ACME"] * 5, [1] * 5, ["here"] * 5))) == 5


def test_text_that_was_moved_or_changed_does_not_open():
    sealer = TextSealer(Keys(1))
    (stored,) = sealer.seal(["ACME"], [1], ["payment.payer_name/P-1"])
    with pytest.raises(SealBrokenError, match="P-2"):
        sealer.open([stored], ["payment.payer_name/P-2"])
    for broken in (stored[:-8] + "AAAAAAA=", f"{SEAL_MARK}x:y", f"{SEAL_MARK}1:@"):
        with pytest.raises(SealBrokenError):
            sealer.open([broken], ["payment.payer_name/P-1"])


def test_text_whose_key_is_gone_is_erased():
    keys = Keys(1, 2)
    stored = TextSealer(keys).seal(["ACME", "EMBER"], [1, 2], ["a", "b"])
    del keys.known[1]
    assert TextSealer(keys).open(stored, ["a", "b"]) == [ERASED, "EMBER"]


SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 20), st.sampled_from([1, 2, 3])).map(
        lambda one: OwnedSpan(one[0], one[0] + one[1], one[2])
    ),
    max_size=8,
)


@given(st.binary(max_size=60), SPANS)
def test_content_comes_back_whole(content, spans):
    keys = Keys(1, 2, 3)
    opened = open_content(seal_content(content, spans, "F", 1, keys), "F", keys)
    assert (opened.content, opened.erased) == (content, ())


@given(st.binary(min_size=60, max_size=60), SPANS)
def test_without_a_customers_key_his_bytes_are_blank_and_no_others(content, spans):
    keys = Keys(1, 2, 3)
    parts = seal_content(content, spans, "F", 1, keys)
    del keys.known[2]
    opened = open_content(parts, "F", keys)
    erased = {at for begin, end in opened.erased for at in range(begin, end)}
    for at, byte in enumerate(content):
        assert opened.content[at] == (ord(" ") if at in erased else byte)
    alone = {
        at
        for at in range(len(content))
        if any(one.begin <= at < one.end and one.key_number == 2 for one in spans)
        and not any(one.begin <= at < one.end and one.key_number == 3 for one in spans)
    }
    assert alone <= erased
    only_others = {
        at
        for at in range(len(content))
        if not any(one.begin <= at < one.end and one.key_number == 2 for one in spans)
    }
    assert not erased & only_others


def test_content_is_not_readable_as_it_lies_there():
    content = b"EMBER VERTEX TRUST pays INV-20431 " * 100
    parts = seal_content(content, [OwnedSpan(0, 34, 2)], "F", 1, Keys(1, 2))
    assert [part.key_number for part in parts] == [1, 2]
    assert all(b"EMBER" not in part.stored for part in parts)
    assert sum(len(part.stored) for part in parts) < len(content) / 5


def test_content_of_another_file_or_changed_does_not_open():
    keys = Keys(1)
    (part,) = seal_content(b"abc", [], "F", 1, keys)
    with pytest.raises(SealBrokenError):
        open_content([part], "G", keys)


def test_content_without_keys_is_kept_plainly():
    keys = Keys()
    parts = seal_content(b"abc" * 50, [], "F", 0, keys)
    assert open_content(parts, "F", keys).content == b"abc" * 50


def test_a_file_whose_key_is_gone_is_gone():
    parts = seal_content(b"abc", [], "F", 1, Keys(1))
    assert open_content(parts, "F", Keys()) is None


def test_a_new_master_key_stands_in_front_and_old_ones_stay(tmp_path):
    path = tmp_path / "keys"
    add_master_key(path, "k2025")
    first = read_key_ring(path)
    name, wrapped = first.wrap(b"d" * KEY_BYTES, "purpose")
    add_master_key(path, "k2026")
    ring = read_key_ring(path)
    assert [key.name for key in ring.keys] == ["k2026", "k2025"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ring.unwrap(name, wrapped, "purpose") == b"d" * KEY_BYTES
    with pytest.raises(KeyMissingError):
        ring.unwrap(name, wrapped, "another purpose")
    with pytest.raises(KeyMissingError, match="not in the key file"):
        ring.unwrap("k1999", wrapped, "purpose")
    with pytest.raises(KeyFileError, match="already"):
        add_master_key(path, "k2025")
    assert "d" * 8 not in repr(ring) + repr(first.current)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no key"),
        ("k1 short", ":1: expected a name and 32 bytes"),
        ("# fine\nk1", ":2: expected a name and 32 bytes"),
        ("k1 " + "A" * 43 + "=\nk1 " + "A" * 43 + "=", ":2: the name 'k1' is used twice"),
    ],
)
def test_a_key_file_says_which_line_is_wrong(tmp_path, text, expected):
    path = tmp_path / "keys"
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match=expected):
        read_key_ring(path)


def test_a_key_file_that_others_may_read_is_refused(tmp_path):
    path = Path(tmp_path / "keys")
    add_master_key(path, "k1")
    os.chmod(path, 0o644)  # noqa: PTH101 - the call under test is on the other side
    with pytest.raises(KeyFileError, match="chmod 600"):
        read_key_ring(path)
