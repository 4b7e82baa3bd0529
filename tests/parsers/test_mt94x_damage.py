"""MT940 and MT942 under damage: nothing breaks, no money row goes in silence."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from mt94x_reading import codes, read, read_in_windows, rows
from mt94x_writing import mt940, mt942

from parsers.bank_files import parse_bank_file
from parsers.errors import UnrecognisedFileError

GOLDEN = Path(__file__).parents[1] / "golden" / "mt94x"

FILES = [
    *(path.read_bytes() for path in sorted(GOLDEN.glob("*.sta"))),
    (
        mt940(
            ":61:2609020902C100,00NTRFINV-1//BANK-1\nDETAILS",
            ":86:INVOICE INV-1\nSECOND LINE",
            ":61:260230RC5,5NRTIX",
            ":61:2609020902D7,NMSCNONREF",
            ":NS:01TEXT\n15NAME",
        )
        + mt942(
            ":61:260902EC1,NTRFX",
            ":61:260902C2,NTRFX",
            ":86:/EREF/E/REMI/STRD/ISO/RF18539007547034/",
            summaries=(":90D:0EUR0,", ":90C:1EUR2,"),
        )
    ).encode(),
]

PIECES = [
    b"\n",
    b"\r",
    b":61:",
    b":86:",
    b"\n:20:",
    b"\n-\n",
    b"\n:62F:",
    b"?20",
    b"//",
    b",",
    b"{1:",
    b"\xe4",
    b"\x00",
    b"\n:60F:C260902EUR1,\n",
]


@st.composite
def damaged(draw):
    """A file truncated, cut, repeated in part or overwritten in places."""
    content = draw(st.sampled_from(FILES))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 90)))
        piece = draw(
            st.one_of(
                st.just(b""),
                st.just(content[begin:end] * 2),
                st.binary(max_size=12),
                st.sampled_from(PIECES),
            )
        )
        content = content[:begin] + piece + content[end:]
    return content if draw(st.booleans()) else content[: draw(st.integers(0, len(content)))]


def line_count(content):
    """Lines that begin with the tag of a statement line."""
    return len(re.findall(rb"(?:^|[\r\n])(?::61:)", content.removeprefix(b"\xef\xbb\xbf")))


@given(damaged())
@settings(max_examples=300)
def test_a_damaged_file_is_refused_or_read_and_every_line_is_accounted_for(content):
    try:
        parsed = parse_bank_file(content, "damaged.sta")
    except UnrecognisedFileError:
        return
    if not parsed.source_format.startswith("mt94"):
        return
    other = sum(rows for reason, rows in parsed.counted_rows.items() if reason != "information")
    assert len(parsed.payments) + other == line_count(content)
    offsets = parsed.payments.int64("source_offset") + parsed.payments.int64("source_length")
    assert (offsets <= len(content)).all()
    for place in parsed.payments.int64("source_offset").tolist():
        assert content[place : place + 4] == b":61:"


@given(damaged(), st.sampled_from([1, 3, 17, 64, 257]))
@settings(max_examples=200)
def test_a_damaged_file_read_in_windows_is_the_file_read_as_a_whole(content, window_bytes):
    assert read_in_windows(content, window_bytes) == read_in_windows(content, 1 << 20)


@given(st.data())
@settings(max_examples=150)
def test_a_lost_or_repeated_money_line_is_never_silent(data):
    content = data.draw(st.sampled_from(FILES))
    lines = content.split(b"\n")
    money = [
        at
        for at, line in enumerate(lines)
        if re.match(rb":61:\d{6}(?:\d{4})?R?[CD]", line) and b"C0," not in line
    ]
    at = data.draw(st.sampled_from(money))
    times = data.draw(st.sampled_from([0, 2]))
    changed = b"\n".join([*lines[:at], *[lines[at]] * times, *lines[at + 1 :]])
    parsed = read(changed)
    assert {"FILE-TOTAL", "FILE-COUNT"}.intersection(codes(parsed))
    if "FILE-TOTAL" in codes(parsed):
        assert all("IN-TOTAL" in held for held in rows(parsed, "intake_codes"))


@given(st.data())
@settings(max_examples=150)
def test_a_file_cut_off_inside_a_statement_is_held(data):
    content = FILES[0]
    stop = data.draw(st.integers(content.index(b":61:") + 4, content.rindex(b":62F:") + 5))
    inside = content.rfind(b":60F:", 0, stop) > content.rfind(b":62F:", 0, stop)
    if inside:
        held = rows(read(content[:stop]), "intake_codes")
        assert all("IN-TOTAL" in codes_ for codes_ in held)
