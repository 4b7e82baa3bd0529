"""Separators, envelopes, counts and damage of X12 files."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import x12_oracle
from x12_reading import codes, everything, failed, in_windows, lines, parsed, payments
from x12_writing import BPR, interchange, order, simple, text, transaction

SHARED = Path(__file__).resolve().parents[2] / ".." / "shared" / "samples" / "x12-820"
GOOD = interchange(transaction(order("RMR*IV*INV-1**60", "REF*PO*7", "RMR*IV*B**40")))
EXPECTED = [("INV-1", "document", 6_000, 0, 0, ""), ("B", "document", 4_000, 0, 0, "")]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"after": ""},
        {"after": "\r\n"},
        {"after": " \r\n   "},
        {"end": "\n", "after": ""},
        {"end": "\r", "after": "\n"},
        {"end": "\\", "after": "\n"},
        {"end": "~", "after": "\\\n"},
        {"element": "|", "end": "'"},
        {"element": "\x1d", "end": "\x1e", "after": ""},
        {"element": "¦"},
        {"element": "¦", "encoding": "latin-1"},
    ],
)
def test_separators_are_those_of_the_interchange(options):
    file = parsed(text(GOOD, **options))
    assert payments(file) == [(10_000, "ACME CORP", "TRACE1", "")]
    assert lines(file) == EXPECTED
    assert codes(file) == failed(file) == []


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\r\n  \n", b"HEADER OF A MAILBOX\n"])
def test_marks_blanks_and_stray_bytes_may_stand_before_the_interchange(before):
    file = parsed(before + text(GOOD))
    assert lines(file) == EXPECTED
    assert codes(file) == (["EDI-STRAY"] if b"MAILBOX" in before else [])


def test_an_interchange_header_need_not_be_padded():
    header = "ISA*00* *00* *30*227777777 *14*577777777 *120530*1144*U*00401*000000001*0*P*>"
    assert lines(parsed(text([header, *GOOD[1:]]))) == EXPECTED


def test_the_last_segment_need_not_end():
    assert codes(parsed(text(GOOD).rstrip(b"~\n"))) == []


def test_a_payment_ends_where_its_file_does():
    content = text(transaction(order("RMR*IV*INV-1**100"))).rstrip(b"~\n")
    payment = parsed(content).payments.record_batch.to_pylist()[0]
    assert payment["source_offset"] + payment["source_length"] == len(content)


def test_names_beyond_ascii_are_read_as_utf_8_or_latin_1():
    segments = interchange(transaction(order("RMR*IV*RÉ-1**100.00", payer="MÜLLER")))
    for encoding in ("utf-8", "latin-1"):
        file = parsed(text(segments, encoding=encoding))
        assert file.payments.strings("payer_name") == ["MÜLLER"]
        assert lines(file) == [("RÉ-1", "document", 10_000, 0, 0, "")]


def test_several_interchanges_with_separators_of_their_own_stand_in_one_file():
    other = interchange(transaction(order("RMR*IV*C**100.00", trace="T2")), number=2)
    glued = (
        text(GOOD)
        + text(other, element="|", end="\\")
        + text(interchange(transaction(order("RMR*IV*D**100.00", trace="T3")), number=3))
    )
    file = parsed(glued)
    assert [row[2] for row in payments(file)] == ["TRACE1", "T2", "T3"]
    assert codes(file) == failed(file) == []
    starts = file.payments.int64("source_offset").tolist()
    assert [glued[start : start + 3] for start in starts] == [b"ST*", b"ST|", b"ST*"]
    numbers = file.payments.int64("source_line").tolist()
    assert numbers == [glued.count(b"\n", 0, start) + 1 for start in starts]


def test_an_interchange_may_follow_one_whose_last_segment_did_not_end():
    other = interchange(transaction(order("RMR*IV*C**100.00", trace="T2")), number=2)
    file = parsed(text(GOOD).rstrip(b"~\n") + b"\n" + text(other))
    assert [row[2] for row in payments(file)] == ["TRACE1", "T2"]
    assert codes(file) == []


def test_segments_without_any_envelope_are_read_with_a_diagnostic():
    bare = parsed(text(order("RMR*IV*INV-1**100")))
    assert lines(bare) == [("INV-1", "document", 10_000, 0, 0, "")]
    assert codes(bare) == ["EDI-ENVELOPE"]
    assert bare.dialect == "x12.820"
    in_set = parsed(text(transaction(order("RMR*IV*INV-1**100"))))
    assert lines(in_set) == lines(bare)
    assert codes(in_set) == ["EDI-ENVELOPE"]


def test_a_wrong_number_of_segments_holds_the_payments_of_its_set():
    segments = [*transaction(order("RMR*IV*A**100"))[:-1], "SE*99*0001"]
    good = transaction(order("RMR*IV*B**100"), 2)
    file = parsed(text(interchange(segments, good)))
    assert [codes for *_, codes in payments(file)] == ["IN-TOTAL", ""]
    assert codes(file) == ["FILE-COUNT"]
    assert failed(file) == ["segments"]


def test_blanks_behind_a_count_are_nothing():
    assert codes(parsed(text([one.replace("SE*10*", "SE*10 *") for one in GOOD]))) == []


@pytest.mark.parametrize("segment", ["GE*2*1", "IEA*2*000000001"])
def test_a_wrong_number_of_sets_or_groups_holds_the_file(segment):
    name = segment.split("*")[0]
    changed = [segment if one.startswith(f"{name}*") else one for one in GOOD]
    file = parsed(text(changed))
    assert [codes for *_, codes in payments(file)] == ["IN-TOTAL"]
    assert codes(file) == ["FILE-COUNT"]


@pytest.mark.parametrize(("segment", "held"), [("SE*10*0009", "IN-TOTAL"), ("GE*1*9", "")])
def test_trailers_name_the_number_of_their_header(segment, held):
    name = segment.split("*")[0]
    file = parsed(text([segment if one.startswith(f"{name}*") else one for one in GOOD]))
    assert [codes for *_, codes in payments(file)] == [held]
    assert codes(file) == ["EDI-CONTROL"]


def test_a_missing_trailer_holds_the_file():
    sets = [transaction(order("RMR*IV*A**100"))[:-1], transaction(order("RMR*IV*B**100"), 2)]
    file = parsed(text(interchange(*sets)))
    assert [codes for *_, codes in payments(file)] == ["IN-TOTAL", "IN-TOTAL"]
    assert codes(file) == ["EDI-TRAILER"]


def test_a_set_that_is_neither_820_nor_823_is_counted_and_named():
    other = transaction(["BIG*20260911*INV-1", "TDS*10000"], 2, form="810")
    file = parsed(text(interchange(transaction(order("RMR*IV*A**100")), other)))
    assert file.counted_rows == {"other_set": 1}
    assert codes(file) == ["EDI-SET"]
    assert file.diagnostics.strings("value") == ["810"]


def test_test_data_and_repeated_interchanges_are_held():
    test = interchange(transaction(order("RMR*IV*A**100")), usage="T")
    assert [codes for *_, codes in payments(parsed(text(test)))] == ["IN-FORMAT"]
    file = parsed(text(GOOD) * 2)
    assert [codes for *_, codes in payments(file)] == ["", "IN-DUPFILE"]
    assert codes(file) == ["EDI-REPEATED"]


def test_an_unknown_segment_is_said_and_the_rest_is_read():
    file = parsed(text([one.replace("RMR*IV*INV-1", "RXR*IV*INV-1") for one in GOOD]))
    assert lines(file) == EXPECTED[1:]
    assert codes(file) == ["EDI-SEGMENT", "EDI-SUM"]
    assert file.counted_rows["unreadable"] == 1


def test_a_stretch_without_an_end_is_said_and_passed_over():
    long = "NTE*AFA*" + "X" * 200_000
    content = text([*GOOD[:8], long, *GOOD[8:]])
    file = parsed(content)
    assert lines(file) == EXPECTED
    assert codes(file) == ["EDI-SEGMENT", "FILE-COUNT"]


def test_a_file_cut_anywhere_is_read_as_far_as_it_goes_and_held():
    content = simple("RMR*IV*A**60", "ADX*-5*01", "RMR*IV*B**40")
    start = content.index(b"BPR*")
    for stop in range(start + 20, len(content) - 30):
        file = parsed(content[:stop])
        assert {"FILE-TRUNCATED", "EDI-TRAILER"} & set(codes(file)), stop
        assert all("IN-TOTAL" in row[3] for row in payments(file)), stop


def _damaged(dice, content):
    start = dice.randrange(len(content))
    stop = start + dice.randrange(1, 30)
    piece = bytes(dice.randrange(256) for _ in range(dice.randrange(4)))
    return content[:start] + piece + content[dice.choice((start, stop)) :]


def test_damage_is_read_or_said_and_never_raises():
    content = simple("RMR*IV*A**60", "REF*PO*1", "ADX*-5*01", "RMR*IV*B**40") * 2
    dice, read = random.Random(7), 0  # noqa: S311  # repeatable damage, no secret
    for _ in range(400):
        damaged = content
        for _ in range(dice.randrange(1, 4)):
            damaged = _damaged(dice, damaged)
        try:
            file = parsed(damaged)
        except ValueError as error:
            assert "is no bank file" in str(error)  # noqa: PT017  # any other error is a failure
            continue
        read += 1
        assert len(file.payments) + len(file.advices) + len(file.diagnostics)
    assert read > 300


_NUMBERS = st.integers(0, 10**7).map(lambda cents: f"{cents // 100}.{cents % 100:02d}")
_AMOUNTS = st.one_of(
    _NUMBERS, st.sampled_from(["", "12", "-3.5", "+4.", ".75", "1O", " 7.00 ", "9.999"])
)
_TEXTS = st.text(st.sampled_from("AB-19 ü\t"), max_size=6)
_SEGMENTS = st.one_of(
    st.builds(
        "RMR*{}*{}*PO*{}*{}*{}*{}*{}".format,
        st.sampled_from(["IV", "PO", "CM", "CR", ""]),
        _TEXTS,
        _AMOUNTS,
        _AMOUNTS,
        _AMOUNTS,
        _TEXTS,
        _AMOUNTS,
    ),
    st.builds("RMR*IV*{}**{}".format, _TEXTS, _AMOUNTS),
    st.builds("ADX*{}*{}".format, _AMOUNTS, _TEXTS),
    st.builds("ADX*{}*01*IV*{}".format, _AMOUNTS, _TEXTS),
    st.sampled_from(["ENT*2", "REF*PO*9", "DTM*003*20260801", "NM1*IL*1*DOE*JANE", "ZZZ*1", "RMR"]),
)


def _file_of(sets):
    return text(
        interchange(
            *(
                transaction(order(*details, amount=amount or "5"), number)
                for number, (amount, details) in enumerate(sets, 1)
            )
        )
    )


_FILES = st.lists(st.tuples(_AMOUNTS, st.lists(_SEGMENTS, max_size=8)), min_size=1, max_size=4).map(
    _file_of
)


@settings(max_examples=60)
@given(_FILES, st.integers(1, 400))
def test_the_size_of_windows_changes_nothing(content, window_bytes):
    with pytest.MonkeyPatch.context() as patch:
        assert in_windows(patch, content, window_bytes) == everything(parsed(content))


@settings(max_examples=60)
@given(_FILES)
def test_columns_read_what_the_careful_way_reads(content):
    plain = everything(parsed(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parsers.x12_segments.SegmentTable.is_ordinary", _never)
        assert everything(parsed(content)) == plain


_HEADS = st.lists(
    st.sampled_from(
        [
            "REF*VR*7",
            "REF*CK*8",
            "REF*TN*Ü",
            "DTM*097*20260910",
            "N1*41*SENDER",
            "N1*PR*",
            "CUR*PR*USD",
        ]
    ),
    max_size=2,
)
_BPRS = st.sampled_from(
    [
        BPR,
        BPR,
        BPR.replace("ACH", "CHK"),
        BPR.replace("*C*ACH", "*D*ACH"),
        BPR.replace("BPR*C", "BPR*I"),
        BPR.replace("20260911", "20261311"),
        BPR.replace("121000248", ""),
        BPR.replace("1234567890**01", "1234567890*01"),
        BPR.replace("ACH*CTX", "ACH"),
    ]
)
_PLAIN = st.tuples(
    st.sampled_from(["100", "100.00", "99", "1OO", "-100", "0"]),
    st.sampled_from(["RMR*IV*A**100", "RMR*IV*A**110~ADX*-10*01", "RMR*IV*A", "REF*PO*1"]),
    _HEADS,
    _BPRS,
    st.sampled_from(["T1", "", "T2 "]),
    st.sampled_from(["ACME", " ACME ", ""]),
)


@settings(max_examples=60)
@given(st.lists(_PLAIN, min_size=1, max_size=6), st.integers(0, 3))
def test_sets_read_in_columns_say_what_walked_ones_say(kinds, damage):
    sets = [
        transaction(
            order(
                *lines.split("~"), amount=amount, before=before, bpr=bpr, trace=trace, payer=payer
            ),
            number,
        )
        for number, (amount, lines, before, bpr, trace, payer) in enumerate(kinds, 1)
    ]
    if damage:
        sets[0] = [*sets[0][:-1], ["SE*99*0001", "SE*9 *0001", "SE*10*0007"][damage - 1]]
    content = text(interchange(*sets))
    fast = everything(parsed(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parsers.x12.find_ordinary", lambda *_: None)
        assert everything(parsed(content)) == fast


def _never(_table, rows):
    return rows < 0


@pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*")), ids=lambda path: path.name)
def test_public_samples_are_read_like_the_oracle_does(path):
    file = parsed(path.read_bytes())
    expected = x12_oracle.orders(path.read_bytes())
    paid = [one for one in expected if one.is_payment]
    assert file.payments.int64("amount_minor").tolist() == [one.cents for one in paid]
    assert file.payments.strings("trace_number") == [one.trace for one in paid]
    assert [line[0::2][:2] for line in lines(file)] == [line for one in paid for line in one.lines]
    apart = [line for one in expected if not one.is_payment for line in one.lines]
    assert file.advices.strings("reference") == [reference for reference, _ in apart]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared samples are not here")
def test_what_is_odd_about_public_samples_is_said():
    said = {path.name.split("__")[1]: codes(parsed(path.read_bytes())) for path in SHARED.glob("*")}
    assert {name: sorted(set(found)) for name, found in said.items()} == {
        "Example1_MortgageBankers.txt": ["EDI-SUM", "EDI-TEST"],
        "Example3_HomeDepot.txt": ["EDI-AMOUNT", "EDI-CONTROL", "EDI-LINE"],
        "Example5_Wikipedia.txt": ["EDI-SHIFTED"],
        "sample.txt": [],
    }
