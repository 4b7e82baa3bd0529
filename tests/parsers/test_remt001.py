"""remt.001: every version, both amount models, keys of the payment, hostile and damaged files."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles.remt001_oracle import lines as expected_lines
from remt001_writing import document, element, message, payment

from parsers.bank_files import parse_bank_file

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "remt001"
SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "samples" / "remt.001"
TWO = document("INV-1", "1000.00") + document("INV-2", "300.00", "306.00", "6.00")


def read(text, name="advice.xml"):
    content = text if isinstance(text, bytes) else text.encode()
    return parse_bank_file(content, name)


def rows(parsed):
    return parsed.advices.record_batch.to_pylist()


def codes(parsed):
    return parsed.diagnostics.strings("code")


def test_an_advice_tells_its_payment_and_its_documents():
    keys = {
        "EndToEndId": "E2E-7",
        "UETR": "9b1c77e2-3f40-4c55-9d1d-0a2b3c4d5e6f",
        "ChqNb": "4711",
        "TxId": "T-1",
        "InstrId": "I-1",
    }
    parsed = read(message(element("RmtId", "RA-1") + TWO + payment(references=keys)))
    assert parsed.source_format == "remt.001"
    assert parsed.dialect == "remt.001.001.05"
    assert len(parsed.payments) == 0
    first, second = rows(parsed)
    about = {
        "remittance_id": "RA-1",
        "end_to_end_id": "E2E-7",
        "uetr": "9b1c77e2-3f40-4c55-9d1d-0a2b3c4d5e6f",
        "check_number": "4711",
        "trace_number": "T-1",
        "payment_reference": "I-1",
        "payer_name": "ACME GmbH",
        "payment_amount_minor": 13_000_000,
        "payment_date": dt.date(2026, 9, 14),
        "currency": "EUR",
        "source_file": "advice.xml",
    }
    for line in (first, second):
        assert {name: line[name] for name in about} == about
    assert [line["line_number"] for line in (first, second)] == [1, 2]
    assert (first["reference"], first["amount_minor"]) == ("INV-1", 10_000_000)
    assert (second["reference"], second["amount_minor"]) == ("INV-2", 3_000_000)
    assert second["discount_minor"] == 60_000
    assert codes(parsed) == []


@pytest.mark.parametrize("version", range(1, 8))
@pytest.mark.parametrize("prefix", ["", "r"])
@pytest.mark.parametrize("envelope", ["", "Envelope", "RequestPayload"])
def test_every_version_prefix_and_envelope_reads_alike(version, prefix, envelope):
    text = message(TWO + payment(), version=version, prefix=prefix, envelope=envelope)
    parsed = read(text)
    assert parsed.dialect == f"remt.001.001.{version:02d}"
    assert [row["reference"] for row in rows(parsed)] == ["INV-1", "INV-2"]
    assert [row["amount_minor"] for row in rows(parsed)] == [10_000_000, 3_000_000]


def test_amounts_by_type_code_are_those_by_element():
    typed = document("INV-1", "980.00", "1000.00", "20.00", typed=True)
    (line,) = rows(read(message(typed + payment("980.00"), version=6)))
    assert (line["amount_minor"], line["discount_minor"]) == (9_800_000, 200_000)


def test_the_amount_may_be_equivalent_and_the_date_wrapped_or_a_time():
    equivalent = element(
        "OrgnlPmtInf",
        element("Refs", element("EndToEndId", "E")),
        element("Amt", element("EqvtAmt", element("Amt", "5.00", currency="KWD"))),
        element("ReqdExctnDt", element("DtTm", "2026-09-14T10:00:00")),
    )
    (line,) = rows(read(message(element("Ustrd", "INV-1") + equivalent)))
    assert line["payment_amount_minor"] == 50_000
    assert line["currency"] == "KWD"
    assert line["payment_date"] == dt.date(2026, 9, 14)


def test_yen_have_no_decimals_and_finer_amounts_are_left_out_with_a_note():
    yen = payment("1300", "JPY")
    strd = element(
        "Strd",
        element("RfrdDocInf", element("Nb", "INV-1")),
        element("RfrdDocAmt", element("RmtdAmt", "1300.5", currency="JPY")),
    )
    parsed = read(message(strd + yen))
    (line,) = rows(parsed)
    assert (line["payment_amount_minor"], line["amount_minor"]) == (13_000_000, None)
    assert codes(parsed) == ["CAMT-REMITTANCE"]


def test_a_creditor_reference_is_a_line_and_its_check_digit_is_verified():
    def about(reference):
        kind = element("Tp", element("CdOrPrtry", element("Cd", "SCOR")), element("Issr", "ISO"))
        return element("Strd", element("CdtrRefInf", kind, element("Ref", reference)))

    good = read(message(about("RF18539007547034") + payment()))
    assert rows(good)[0]["reference_kind"] == "creditor_reference"
    assert codes(good) == []
    assert codes(read(message(about("RF19539007547034") + payment()))) == ["CAMT-CHECKDIGIT"]


def test_a_credit_note_is_negative_and_an_adjustment_a_deduction():
    credit = document("CN-9", "200.00", kind="CREN")
    adjusted = element(
        "Strd",
        element("RfrdDocInf", element("Nb", "INV-3")),
        element(
            "RfrdDocAmt",
            element("DuePyblAmt", "100.00", currency="EUR"),
            element(
                "AdjstmntAmtAndRsn",
                element("Amt", "20.00", currency="EUR"),
                element("CdtDbtInd", "DBIT"),
                element("AddtlInf", "damaged"),
            ),
            element("RmtdAmt", "80.00", currency="EUR"),
        ),
    )
    first, second = rows(read(message(credit + adjusted + payment("-120.00"))))
    assert (first["reference_kind"], first["amount_minor"]) == ("credit_memo", -2_000_000)
    assert (second["amount_minor"], second["deduction_minor"]) == (800_000, 200_000)
    assert second["deduction_reason"] == "damaged"


def test_text_becomes_lines_where_nothing_is_structured_and_is_counted_where_something_is():
    alone = read(message(element("Ustrd", "INV-1") + element("Ustrd", "INV-2") + payment()))
    assert [row["reference"] for row in rows(alone)] == ["INV-1", "INV-2"]
    beside = read(message(element("Ustrd", "thanks") + TWO + payment()))
    assert [row["reference"] for row in rows(beside)] == ["INV-1", "INV-2"]
    assert beside.counted_rows == {"remittance_text": 1}


def test_what_an_advice_lacks_is_said():
    assert codes(read(message(payment()))) == ["REMT-LINES"]
    assert read(message(payment())).counted_rows == {"advice_without_lines": 1}
    assert codes(read(message(TWO))) == ["REMT-KEY"]
    assert codes(read(message(TWO + payment("1299.00")))) == ["REMT-SUM"]
    assert codes(read(message())) == ["REMT-EMPTY"]
    not_provided = payment("", payer="", date="", references={"EndToEndId": "NOTPROVIDED"})
    assert codes(read(message(TWO + not_provided))) == ["REMT-KEY"]


def test_advices_of_one_id_in_a_file_stay_apart():
    parsed = read(message(element("RmtId", "R") + TWO, element("RmtId", "R") + TWO))
    assert [row["advice_number"] for row in rows(parsed)] == [1, 1, 2, 2]


def test_without_an_id_of_its_own_an_advice_has_the_messages():
    assert {row["remittance_id"] for row in rows(read(message(TWO + payment())))} == {"MSG-1"}


def test_several_messages_in_one_stream_are_all_read():
    text = message(TWO + payment(), message_id="A") + message(TWO + payment(), message_id="B")
    parsed = read(text)
    assert [row["remittance_id"] for row in rows(parsed)] == ["A", "A", "B", "B"]
    assert parsed.statement_count == 2


@pytest.mark.parametrize(
    ("encode", "expected"),
    [
        (lambda text: b"\xef\xbb\xbf\n " + text.encode(), []),
        (lambda text: text.replace("UTF-8", "UTF-16").encode("utf-16"), []),
        (lambda text: text.replace("UTF-8", "ISO-8859-1").encode("latin-1"), []),
        (lambda text: text.encode("cp1252"), ["CAMT-ENCODING"]),
        (lambda text: text.replace("UTF-8", "latin-nine").encode(), []),
    ],
    ids=["mark and blanks", "utf-16", "latin-1", "declared wrongly", "unknown name"],
)
def test_encodings_are_read_as_the_bytes_are(encode, expected):
    parsed = read(encode(message(TWO + payment(payer="Müller & Söhne"))))
    assert {row["payer_name"] for row in rows(parsed)} == {"Müller & Söhne"}
    assert codes(parsed) == expected


def test_a_truncated_message_gives_the_advices_that_are_whole_and_says_so():
    text = message(element("RmtId", "A") + TWO, element("RmtId", "B") + TWO)
    parsed = read(text[: text.index("<RmtId>B")])
    assert {row["remittance_id"] for row in rows(parsed)} == {"A"}
    assert codes(parsed) == ["FILE-TRUNCATED"]


@pytest.mark.parametrize(
    "hostile",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1:9/none.dtd">',
    ],
)
def test_entities_and_document_types_are_never_used(hostile):
    text = message(element("RmtId", "A") + element("Ustrd", "INV &a; 1") + payment())
    parsed = read(text.replace("?>\n", f"?>\n{hostile}", 1))
    assert "CAMT-DTD" in codes(parsed)
    assert not any("root:" in str(row) or "aaaa" in str(row) for row in rows(parsed))


def test_depth_ends_the_reading_like_a_truncation():
    deep = "<a>" * 100_000
    parsed = read(message(element("RmtId", "A") + TWO, deep))
    assert {row["remittance_id"] for row in rows(parsed)} == {"A"}
    assert "FILE-TRUNCATED" in codes(parsed)


words = st.text("AB 1é&<>-", min_size=1, max_size=8).map(lambda text: f"X{text}".strip())
money = st.decimals("0.01", "99999.99", places=2).map(str)


@st.composite
def advices(draw):
    references = draw(
        st.dictionaries(st.sampled_from(["EndToEndId", "UETR", "ChqNb", "TxId"]), words)
    )
    parts = [element("RmtId", "R")] if draw(st.booleans()) else []
    documents = draw(st.lists(st.tuples(words, st.none() | money, st.none() | money), max_size=4))
    typed = draw(st.booleans())
    for number, remitted, due in documents:
        parts.append(document(number, remitted, due, typed=typed))
    if not documents:
        parts += [element("Ustrd", "INV-1"), element("Ustrd", "INV-2")]
    parts.append(payment(draw(money), references=references, payer=draw(words)))
    return "".join(parts)


@settings(max_examples=150)
@given(st.lists(advices(), min_size=1, max_size=4), st.integers(1, 7), st.sampled_from(["", "ns"]))
def test_lines_equal_the_oracles(contents, version, prefix):
    text = message(*contents, version=version, prefix=prefix)
    found = [
        tuple(
            row[name]
            for name in (
                *("remittance_id", "end_to_end_id", "uetr", "check_number", "payer_name"),
                *("payment_amount_minor", "reference", "amount_minor"),
            )
        )
        for row in rows(read(text))
    ]
    assert found == expected_lines(text)


@settings(max_examples=300)
@given(st.data())
def test_damaged_messages_neither_crash_nor_pass_unsaid(data):
    whole = message(element("RmtId", "A") + TWO + payment(), TWO + payment()).encode()
    at = data.draw(st.integers(200, len(whole) - 1))
    kind = data.draw(st.sampled_from(["cut", "flip", "drop"]))
    if kind == "cut":
        content = whole[:at]
    elif kind == "flip":
        content = whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :]
    else:
        content = whole[:at] + whole[at + data.draw(st.integers(1, 40)) :]
    parsed = read(content)
    assert len(parsed.advices) == 4 or len(parsed.diagnostics) or parsed.counted_rows


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.xml")), ids=lambda path: path.stem)
def test_golden_messages_are_read_as_written_beside_them(path):
    parsed = read(path.read_bytes(), path.name)
    found = {
        "dialect": parsed.dialect,
        "counted_rows": parsed.counted_rows,
        "diagnostics": [
            [row["line"], row["code"]] for row in parsed.diagnostics.record_batch.to_pylist()
        ],
        "advices": [
            {k: str(v) for k, v in row.items() if v and k not in ("file_id", "source_file")}
            for row in rows(parsed)
        ],
    }
    assert found == json.loads(path.with_suffix(".json").read_text())


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="samples are not beside this repository")
def test_samples_are_read():
    for path in SAMPLES.glob("*.xml"):
        parsed = read(path.read_bytes(), path.name)
        assert parsed.dialect == "remt.001.001.04"
        assert codes(parsed) == ["REMT-EMPTY"]
