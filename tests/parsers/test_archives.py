"""Packed bank files are read as if they had come unpacked, or refused with the reason."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import archives
from parsers.archives import archive_kind, open_members
from parsers.byte_source import BytesSource
from parsers.limits import EXPANSION_FREE_BYTES


class MemorySpool:
    def __init__(self):
        self.pieces = []

    def write(self, piece):
        self.pieces.append(piece)

    def finish(self):
        return BytesSource(b"".join(self.pieces))


def zipped(files, method=zipfile.ZIP_DEFLATED):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return sink.getvalue()


def members(content, name="in.pack"):
    return list(open_members(BytesSource(content), name, MemorySpool))


def contents(content, name="in.pack"):
    return {one.name: one.source.read(0, one.source.size) for one in members(content, name)}


def errors(content):
    return [str(one.error) for one in members(content) if one.error]


def test_what_is_no_archive_is_given_as_it_is():
    assert contents(b"01,A,B", "a.bai") == {"a.bai": b"01,A,B"}


@given(st.binary(max_size=300), st.integers(1, 3))
def test_gzip_expands_to_what_was_packed(content, times):
    content = b"01," + content
    assert contents(gzip.compress(content) * times, "a.gz") == {"a.gz": content * times}


def test_gzip_larger_than_a_window_is_whole():
    content = bytes(range(251)) * 20_000
    assert contents(gzip.compress(content, 1), "a.gz") == {"a.gz": content}


def test_zeros_behind_a_gzip_member_are_padding():
    assert contents(gzip.compress(b"01,A") + b"\0" * 40, "a.gz") == {"a.gz": b"01,A"}


def test_each_file_of_a_zip_is_named_behind_its_archive():
    found = contents(zipped({"a.bai": b"1", "x/b.bai": b"2", "__MACOSX/a.bai": b"3"}), "n.zip")
    assert found == {"n.zip/a.bai": b"1", "n.zip/x/b.bai": b"2"}


def test_stored_files_are_read():
    assert contents(zipped({"a": b"1" * 9}, zipfile.ZIP_STORED), "n.zip") == {"n.zip/a": b"1" * 9}


@pytest.mark.parametrize("cut", [12, 25, -6])
def test_a_gzip_file_that_ends_early_is_refused_whole(cut):
    (error,) = errors(gzip.compress(bytes(range(200)))[:cut])
    assert error.startswith("in.pack: the archive is damaged")


def test_a_bad_checksum_is_damage():
    packed = bytearray(gzip.compress(b"01,A,B" * 9))
    packed[-6] ^= 1
    (error,) = errors(bytes(packed))
    assert "the archive is damaged" in error


def test_a_damaged_member_leaves_the_others():
    packed = bytearray(zipped({"a": b"A" * 50, "b": b"B" * 50}, zipfile.ZIP_STORED))
    packed[packed.index(b"AAAA")] ^= 1
    first, second = members(bytes(packed))
    assert "in.pack/a: the archive is damaged" in str(first.error)
    assert second.source.read(0, 9) == b"B" * 9


def test_an_encrypted_member_is_refused():
    packed = bytearray(zipped({"a": b"A"}))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        at = packed.index(mark) + (6 if mark[2] == 3 else 8)
        packed[at] |= 1
    assert errors(bytes(packed)) == ["in.pack/a: it is encrypted; decrypt it first"]


def test_an_uncommon_compression_is_named():
    (error,) = errors(zipped({"a": b"A" * 99}, zipfile.ZIP_BZIP2))
    assert "compression method 12 is not read" in error


@pytest.mark.parametrize("inner", [gzip.compress(b"x"), zipped({"a": b"x"})], ids=["gz", "zip"])
def test_archives_within_archives_are_not_opened(inner):
    assert "an archive within the archive" in errors(zipped({"i": inner}))[0]
    assert "an archive within the archive" in errors(gzip.compress(inner))[0]


def test_an_empty_zip_is_refused():
    (error,) = errors(zipped({}))
    assert "holds 0 files; 1 to 10,000 are expected" in error


def test_a_bomb_is_stopped_by_its_ratio():
    packed = gzip.compress(b"\0" * (EXPANSION_FREE_BYTES + 2_000_000))
    (error,) = errors(packed)
    assert "expands more than 200 times" in error
    (error,) = errors(zipped({"a": b"\0" * (EXPANSION_FREE_BYTES + 2_000_000)}))
    assert "expands more than 200 times" in error


def test_an_archive_is_stopped_at_its_size(monkeypatch):
    monkeypatch.setattr(archives, "EXPANDED_BYTES_MAX", 1_000)
    assert "more than 1,000 bytes" in errors(gzip.compress(b"x" * 1_001))[0]
    both = zipped({"a": b"x" * 600, "b": b"y" * 600})
    assert ["more than 400 bytes" in one for one in errors(both)] == [True]


def test_a_zip_that_lies_about_its_sizes_is_damage_or_a_bomb():
    packed = bytearray(zipped({"a": b"\0" * 5_000_000}))
    at = packed.index(b"PK\x01\x02") + 24
    packed[at : at + 4] = (5).to_bytes(4, "little")
    found = members(bytes(packed))
    assert all(one.error or one.source.size <= 5_000_000 for one in found)
    assert found


@given(st.binary(max_size=120))
def test_no_bytes_break_the_reading_of_archives(noise):
    for packed in (
        b"\x1f\x8b\x08" + noise,
        b"PK\x03\x04" + noise,
        zipped({"a": b"x"})[:-9] + noise,
    ):
        for one in open_members(BytesSource(packed), "n", MemorySpool):
            assert (one.source is None) == (one.error is not None)


def test_a_spreadsheet_is_no_archive_of_bank_files():
    book = zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<y/>"})
    assert archive_kind(BytesSource(book)) is None


def test_a_raw_deflate_stream_is_no_gzip():
    assert archive_kind(BytesSource(zlib.compress(b"x"))) is None
