"""Statement lines read as columns are those read one by one, whatever stands in them."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mt94x_reading import read
from mt94x_writing import mt940

from parsers.mt94x_columns import read_columns
from parsers.mt94x_fields import Piece, scan_fields
from parsers.mt94x_rows import columns_of_rows, read_row

GOLDEN = Path(__file__).parents[1] / "golden" / "mt94x"

HEADS = st.tuples(
    st.sampled_from(["260902", "260230", "261302", "240229", "251231"]),
    st.sampled_from(["0902", "", "    ", "0101", "1231", "0230", "1301"]),
    st.sampled_from(["C", "D", "RC", "RD", "EC", "CR", "DR", "CN", "X"]),
    st.sampled_from(["5,", "5,1", "1234,56", "0,00", ",5", "7", "1.5", "123456789012,00", "1,005"]),
    st.sampled_from(["NTRF", "NCHK", "NINT", "NRTI", "S103", "FMSC", "N051", "S   ", "MCI0", ""]),
    st.sampled_from(["NONREF", "INV-1", " INV 2 ", "12345", "EREF", "", "NL56ASNB9999999999"]),
    st.sampled_from(["", "//B-1", "//", "//NONREF", "//" + "9" * 30, "      NAME", "/X//Y"]),
    st.sampled_from(
        [
            "",
            "\nMORE",
            "\n/TRCD/00100/",
            "\n/OCMT/EUR5,/",
            "\n//B-2",
            "\n",
            "\n" + "8" * 20,
            "\nTransfer",
            "\n911-X",
            "\n 12",
            "\nNL13TEST0123456789",
            "\n1234",
            "\nNL13",
            "\nA\nB",
        ]
    ),
)

SUBFIELDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "?00GUTSCHRIFT",
                "?10931",
                "?20EREF+E2E-4711",
                "?21KREF+NONREF",
                "?20EREF+ABCDEFGHIJKLMNOPQRSTUV",
                "?21WXYZ",
                "?22SVWZ+RECHNUNG INV-1",
                "?22SVWZ+RECHNUNG 1234567890 12",
                "?22SVWZ+RECHNUNG 1234567890 1",
                "?23 345 ",
                "?24MREF+M-1 CRED+ X",
                "?25ABWA+MUTTER AG",
                "?26IBAN+DE00",
                "?27BIC+ABC",
                "?28MTLG: HINWEIS",
                "?29ABCDEFGHIJKLMNOPQRSTUVWXYZ1",
                "?30DEUTDEFF",
                "?31DE89370400440532013000",
                "?31847 564700",
                "?32NORDSTAHL  GMBH",
                "?32M\u00dcLLER & S\u00d6HNE 12345678901",
                "?22SVWZ+\u00dcBERWEISUNG 12345678 ",
                "?23\u20ac 5 \u2013 STRA\u00dfE",
                "?21KREF+NOTPROV\u0131DED",
                "?32ABCDEFGHIJKLMNOPQRSTUVWXYZ1",
                "?33 UND CO",
                "?34914",
                "?38PL08",
                "?38PL27 1140",
                "?38 ",
                "?60TAIL",
                "?20",
                "?99",
                "?2",
                "+",
                "??20",
            ]
        ),
        st.text("?0123 AB+:", max_size=8),
    ),
    max_size=9,
).map("".join)

CODEWORDS = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "/EREF/E-1/",
                "/EREF/NOTPROVIDED",
                "/CNTP/NL91ABNA0417164300/ABNANL2A/ACME BV///",
                "/CNTP/NL91 ABNA//",
                "/CNTP//ABNANL2A/ACME BV//",
                "/REMI/USTD//INVOICE 1/",
                "/REMI//INVOICE 2",
                "/REMI/USTD//CAF\u00c9 \u0104\u0118 INVOICE/",
                "/EREF/NOTPROV\u0131DED/",
                "/REMI/INVOICE/3",
                "/REMI/STRD/ISO/RF18539007547034/",
                "/ORDP//NAME/GLOBEX  BV",
                "/ULTD//NAME/CHILD",
                "/TRTP/SEPA OVERBOEKING",
                "/IBAN/NL13",
                "/BIC/TEST",
                "/PREF/P-1",
                "/CNTP/NL91ABNA0417164300",
                "/NAME/ACME BV",
                "/UETR/97ED4827-7B6F-4491-A06F-B548D5A7512D",
                "/RTRN/MS03",
                "/PT/FT/PY/TEXT",
                "/XXXX/Y",
                "/",
            ]
        ),
        st.text("/EREFI AB", max_size=8),
    ),
    max_size=7,
).map("".join)

FREE = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "INVOICE INV-1",
                "X" * 65,
                "X" * 64,
                " " + "X" * 63 + " ",
                "INVOICE 1 " + "X" * 53 + "ER",
                "EF+INV-1",
                "INVOICE/RE",
                "MI/1/IBAN/X",
                "EREF+1",
                "NAAM: A",
                "RF18539007547034",
                "210000000003139471430009017",
                "NL56ASNB9999999999 NAME",
                "M\u00dcLLER",
                "\u00dc" * 64,
                "\u00dc" * 65,
                "\u00a0INVOICE 1\u00a0",
                "\u0661\u0660 12345 12345",
                "\u0085",
                " ",
                "",
                "-",
                ":26:37",
                "/EREF/1/REMI/X",
                "\t",
            ]
        ),
        st.text("ABC 1/:-?", max_size=10),
    ),
    max_size=4,
).map("\n".join)


def wrapped(text, width):
    return "\n".join(text[at : at + width] for at in range(0, len(text), width))


TEXTS = st.one_of(
    st.none(),
    st.tuples(
        st.one_of(
            SUBFIELDS.map("166".__add__),
            SUBFIELDS,
            SUBFIELDS.map(lambda text: "109" + text.replace("?", "<")),
            CODEWORDS,
        ),
        st.sampled_from([10, 64, 65, 500]),
    ).map(lambda one: wrapped(*one)),
    FREE,
)

LINES = st.lists(st.tuples(HEADS, TEXTS), min_size=1, max_size=6)


def written(lines):
    entries = []
    for (value, entry, mark, amount, kind, reference, bank, more), text in lines:
        entries.append(f":61:{value}{entry}{mark}{amount}{kind}{reference}{bank}{more}")
        if text is not None:
            entries.append(f":86:{text}")
    return mt940(*entries, closing="0")


def assert_same(content):
    fast = read(content)
    with mock.patch("parsers.mt94x.read_columns", columns_of_rows):
        slow = read(content)
    assert fast.payments.record_batch.to_pylist() == slow.payments.record_batch.to_pylist()
    assert fast.remittances.record_batch.to_pylist() == slow.remittances.record_batch.to_pylist()
    assert fast.control_checks == slow.control_checks
    assert fast.diagnostics == slow.diagnostics
    assert fast.counted_rows == slow.counted_rows
    assert fast.dialect == slow.dialect


@given(LINES)
@settings(max_examples=400)
def test_lines_read_at_once_are_those_read_one_by_one(lines):
    assert_same(written(lines))


@given(st.lists(st.tuples(HEADS, TEXTS, st.booleans()), min_size=1, max_size=6))
@settings(max_examples=200)
def test_lines_of_two_encodings_read_at_once_are_those_read_one_by_one(lines):
    content = written([(head, text) for head, text, _ in lines]).encode()
    for _, text, is_latin in lines:
        if is_latin and text is not None:
            content = content.replace(text.encode(), text.encode("latin-1", "replace"))
    assert_same(content)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sta")), ids=lambda path: path.stem)
def test_golden_files_read_at_once_are_those_read_one_by_one(path):
    assert_same(path.read_bytes())


def test_ordinary_lines_are_not_read_one_by_one():
    content = mt940(
        ":61:2609020902C5,NTRFINV-1//B-1",
        ":86:166?00GUTSCHRIFT?20EREF+ABCDEFGHIJKLMNOPQRSTUV?21WXYZ?22SVWZ+INV 1?30BIC?31DE89370400"
        "440532013000?32NAME",
        ":61:2609020902C6,10NTRFEREF//B-2\n/TRCD/00100/",
        ":86:/EREF/E-1//CNTP/NL91ABNA0417164300/ABNANL2A/ACME BV///REMI/USTD//INV 2/",
        ":61:2609020902DR7,NTRFNONREF",
        ":86:105?00LASTSCHRIFT",
        ":61:260902C8,NMSCNONREF",
        ":86:INVOICE INV-3\nTHANK YOU",
        ":61:260902C9,NMSCNONREF",
        f":86:{'INVOICES' + ' INV-3' * 9 + ' IN'}\nV-4",
    ).encode()
    columns = assert_ordinary(content, payments=4)
    assert columns.strings["remittance_text"].to_pylist()[-1].endswith(" INV-3 INV-4")


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_lines_with_letters_of_europe_are_not_read_one_by_one(encoding):
    content = mt940(
        ":61:2609020902C5,NTRFINV-1//B-1",
        ":86:166?20SVWZ+\u00dcBERWEISUNG?32M\u00dcLLER GMBH & S\u00d6HNE 1234567?33STRA\u00dfE",
        ":61:2609020902C6,10NTRFEREF//B-2",
        ":86:/EREF/E-1//REMI/USTD//CAF\u00c9/",
        ":61:260902C8,NMSCNONREF",
        ":86:B\u00c4CKEREI\nDANKE SCH\u00d6N",
    ).encode(encoding)
    columns = assert_ordinary(content, payments=3)
    assert (
        columns.strings["payer_name"].to_pylist()[0]
        == "M\u00dcLLER GMBH & S\u00d6HNE 1234567STRA\u00dfE"
    )
    assert [at for at, _ in columns.notes] == ([] if encoding == "utf-8" else [0])


def test_second_lines_and_subfields_of_other_banks_are_not_read_one_by_one():
    content = mt940(
        ":61:2609020902C5,NTRFINV-1//B-1\nTransfer of money",
        ":86:?20SVWZ+INV 1?32NAME",
        ":61:260902    C6,NTRFEREF//B-2\n911-TRANSFER",
        ":86:073~00TRANSFER~20INV 2~32NAME~38PL27114020040000300201355387~60STREET 1",
        ":61:2609020902C7,NTRFEREF//B-3",
        ":86:/EREF/E-3/CNTP/NL91ABNA0417164300/NAME/ACME BV/UETR/97ed4827-7b6f/REMI/INV 3",
    ).encode()
    columns = assert_ordinary(content, payments=3)
    accounts = ["", "PL27114020040000300201355387", "NL91ABNA0417164300"]
    assert columns.strings["payer_account"].to_pylist() == accounts
    assert columns.strings["remittance_text"].to_pylist() == ["INV 1", "INV 2", "INV 3"]
    assert columns.strings["uetr"].to_pylist() == ["", "", "97ed4827-7b6f"]


def assert_ordinary(content, payments):
    with mock.patch(
        "parsers.mt94x_columns.read_row", mock.Mock(side_effect=read_row)
    ) as one_by_one:
        columns = read_columns(scan_fields(Piece(0, content, b"")))
    assert len(columns.money) == payments
    assert one_by_one.call_count == 0
    return columns
