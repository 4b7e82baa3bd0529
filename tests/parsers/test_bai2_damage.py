"""BAI2 under damage, beside a slow reader, and read in two ways that must agree."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import msgspec
import pytest
from bai2_reading import codes, read, rows
from bai2_writing import bai2
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import bai2_oracle

from parsers.bai2_cuts import cut_window
from parsers.bank_files import parse_bank_file
from parsers.errors import UnrecognisedFileError

GOLDEN = Path(__file__).parents[1] / "golden" / "bai2"

MUTATED = [
    bai2(
        "16,195,13171,V,260925,,BK461,,WIRE\n88,ORG:=TUNDRA\n88,OBI:=/INV/1",
        "16,142,13987,0,BK1339,,ACH CREDIT ORIG CO NAME:WEST\n88,RMR*IV*INV-1**139.87\\",
        "16,115,1000,S,,600,400,BK3,,",
        "16,116,600,,BK4,,\n88,CHKN: 17",
        "16,116,400,,BK5,,",
        "16,495,77,,BK6,,OUT",
        "16,557,55,D,1,0,55,BK7,CR7,RETURN",
        summary="010,5000,,,100,28158,3,",
    ),
    *(path.read_bytes() for path in sorted(GOLDEN.glob("*.bai"))),
]


@st.composite
def damaged(draw):
    """A file truncated, cut, repeated in part or overwritten in places."""
    content = draw(st.sampled_from(MUTATED))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(content)))
        end = min(len(content), begin + draw(st.integers(0, 90)))
        piece = draw(
            st.one_of(
                st.just(b""),
                st.just(content[begin:end] * 2),
                st.binary(max_size=12),
                st.sampled_from(
                    [b"\n", b"/", b",", b"88,", b"16,", b"49,", b"\r", b" ", b"S,", b"D,"]
                ),
            )
        )
        content = content[:begin] + piece + content[end:]
    return content if draw(st.booleans()) else content[: draw(st.integers(0, len(content)))]


@given(damaged())
@settings(max_examples=300)
def test_a_damaged_file_is_refused_or_read_and_never_breaks_the_reader(content):
    try:
        parsed = parse_bank_file(content, "damaged.bai")
    except UnrecognisedFileError:
        return
    offsets = parsed.payments.int64("source_offset") + parsed.payments.int64("source_length")
    assert (offsets <= len(content)).all()
    assert set(parsed.payments.strings("payment_id")) >= set(
        parsed.remittances.strings("payment_id")
    )


@given(st.data())
@settings(max_examples=200)
def test_a_lost_or_repeated_money_row_is_never_silent(data):
    content = data.draw(st.sampled_from(MUTATED))
    lines_ = content.split(b"\n")
    money = [at for at, line in enumerate(lines_) if re.match(rb"16,[1-7]\d\d,0*[1-9]", line)]
    if not money:
        return
    at = data.draw(st.sampled_from(money))
    times = data.draw(st.sampled_from([0, 2]))
    changed = b"\n".join([*lines_[:at], *[lines_[at]] * times, *lines_[at + 1 :]])
    parsed = parse_bank_file(changed, "t.bai")
    assert "FILE-TOTAL" in codes(parsed)
    assert all("IN-TOTAL" in held for held in rows(parsed, "intake_codes"))


def read_row_by_row(content):
    """The same file without the reader of whole columns."""

    def without_columns(window):
        return msgspec.structs.replace(cut_window(window), columns=None)

    with mock.patch("parsers.bai2.cut_window", without_columns):
        return read(content)


def told(parsed):
    """Diagnostics, whatever their order."""
    return sorted(
        (row["code"], row["line"], row["message"])
        for row in parsed.diagnostics.record_batch.to_pylist()
    )


def assert_same(content):
    fast, slow = read(content), read_row_by_row(content)
    assert fast.payments.record_batch.to_pylist() == slow.payments.record_batch.to_pylist()
    assert fast.remittances.record_batch.to_pylist() == slow.remittances.record_batch.to_pylist()
    assert fast.control_checks == slow.control_checks
    assert fast.counted_rows == slow.counted_rows
    assert told(fast) == told(slow)


TEXT_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "88,ORG:=TUNDRA",
                "88,ORG:=SECOND NAME/",
                "88,ORIG ACCT: 1/2 ",
                "88,DABA: 026015079",
                "88,DACT:101152046",
                "88, OBI:=INV 1, 2/3,/",
                "88,OBI:==X",
                "88,REMARK:RE: 4711",
                "88,REMARK: SEC: 4711",
                "88,OBI:=",
                "88,EREF: E2E",
                "88,BNF:=US",
                "88,CRNM: US",
                "88,SHIPMENT: 12",
                "88,WIRE TRANSFER CREDIT",
                "88,ACH CREDIT ORIG CO NAME:WEST – MÜLLER",
                "88,MORE ORIG CO NAME:WEST",
                "88,RMR*IV*INV-1**139.87*142.72*2.85\\",
                "88,RMR*IV*É–1:2**-5.00\\",
                "88,RMR*CM*C-1**5\\",
                "88,RMR*PO*P-1**\\",
                "88,RMR*IV*A**1.5\\",
                "88,RMR*IV*B**1.00\\RMR*IV*C**2.00\\",
                "88,RMR*IV*D**1.",
                "88,50\\",
                "88,RMR*IV*E**x\\",
                "88,RMR*IV*F**123456789012345.00\\",
                "88,RMR*IV*G**999999999999.00\\",
                "88,ADX*-5.00*01\\",
                "88,TRN*1*77\\",
                "88,/",
                "88,",
                "88,   ",
            ]
        ),
        st.text(st.characters(blacklist_categories=["Cc", "Cs"]), max_size=20).map("88,".__add__),
    ),
    max_size=5,
)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["195", "142", "143", "354", "140", "451", "557", "890", "040", "9x"]),
            st.sampled_from(["0", "17", "13987", "1.50", "", "+4", "9" * 15, "00000000000123"]),
            st.sampled_from(
                [
                    "",
                    "Z",
                    "1",
                    "V,260924,",
                    "V,260924,1200",
                    "V,,",
                    "V,x,",
                    "V,991399,",
                    "S,1,2,3",
                    "Q",
                ]
            ),
            st.sampled_from(
                ["B,C,T", " B , C ,T/", "B,C,", "B,C,/", "B,C/", "B", "/", "B,C,ORG:X,/"]
            ),
            TEXT_LINES,
        ),
        max_size=6,
    ),
    st.sampled_from(["USD", "JPY", "KWD"]),
)
@settings(max_examples=400)
def test_rows_read_together_are_what_rows_read_one_by_one_are(details, currency):
    assert_same(
        bai2(
            *(
                "\n".join([f"16,{code},{amount},{funds},{rest}", *texts])
                for code, amount, funds, rest, texts in details
            ),
            currency=currency,
        )
    )


@pytest.mark.parametrize("time", [b"461", b"0461", b"2400", b"12", b"093000", b"0930", b""])
def test_what_is_no_time_is_the_next_field_however_rows_are_read(time):
    assert_same(
        b"01,A,B,260926,0615,7,,,2/\n02,B,A,1,260925,2359,USD,2/\n03,4402207781,USD,,,,/\n"
        b"16,195,13171,V,260920," + time + b",,WIRE\n49,13171,3/\n98,13171,1,5/\n99,13171,1,7/\n"
    )


@given(damaged())
@settings(max_examples=300)
def test_damage_is_read_the_same_together_and_one_by_one(content):
    assert_same(content)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["195", "142", "108", "451", "557", "040", "722", "925", "354"]),
            st.integers(0, 10**9),
            st.sampled_from(["", "Z", "0", "V,260925,", "S,1,2,3", "D,1,0,5"]),
            st.text(st.characters(codec="ascii", min_codepoint=32), max_size=30),
        ),
        max_size=12,
    )
)
@settings(max_examples=150)
def test_any_well_formed_file_agrees_with_the_slow_reader(details):
    content = bai2(
        *(
            f"16,{code},{amount},{funds},B{at},C,T {text.strip().rstrip('/')}"
            for at, (code, amount, funds, text) in enumerate(details)
        )
    )
    expected = bai2_oracle.read(content)
    parsed = read(content)
    amounts = parsed.payments.int64("amount_minor")
    assert (len(amounts[amounts > 0]), amounts[amounts > 0].sum()) == (
        expected.credit_count,
        expected.credit_sum,
    )
    assert -amounts[amounts < 0].sum() == expected.return_sum
    assert sum(parsed.counted_rows.values()) == expected.other_count
    assert all(declared == computed for _, declared, computed in expected.totals)
    assert codes(parsed) == []
