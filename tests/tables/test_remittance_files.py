"""Payers' own tables: presets, separators, encodings, sheets, totals; nothing left out unsaid."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spreadsheet_writing import workbook

from parsers.errors import TableError
from parsers.remittance_files import read_remittance_file
from parsers.remittance_presets import Settings, read_preset, shipped_presets

DAY = dt.date(2026, 9, 14)
ENGLISH = """Invoice Number,Gross Amount,Discount,Amount Paid,Check Number,Check Date
INV-1,"1,250.00",25.00,"1,225.00",4711,09/14/2026
INV-2,100.00,,100.00,4711,09/14/2026
"""


def read(text, name="advice.csv", **said):
    content = text.encode() if isinstance(text, str) else text
    return read_remittance_file(name, content, Settings(**said))


def lines(found):
    """Lines as (reference, amount, discount, deduction), in major units."""
    return [
        tuple(
            row[name] if isinstance(row[name], str | None) else Decimal(row[name]) / 10_000
            for name in ("reference", "amount_minor", "discount_minor", "deduction_minor")
        )
        for row in found.advices.record_batch.to_pylist()
    ]


def refused(text, name="advice.csv", **said):
    with pytest.raises(TableError) as caught:
        read(text, name, **said)
    return str(caught.value)


EXPECTED = [("INV-1", 1225, 25, 0), ("INV-2", 100, 0, 0)]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_any_separator_and_encoding(separator, encoding):
    rows = list(csv.reader(io.StringIO(ENGLISH)))
    rows.insert(0, ["Überweisung"])
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(rows)
    found = read(out.getvalue().encode(encoding))
    assert lines(found) == EXPECTED
    assert found.counted_rows == {"preamble": 1}
    first = found.advices.record_batch.to_pylist()[0]
    assert (first["check_number"], first["payment_date"]) == ("4711", DAY)
    assert first["remittance_id"] == "4711"


def test_a_table_of_the_contract_is_read_by_its_own_rules():
    text = "remittance_id,reference,amount\nR1,INV-1,1.5\n"
    assert read(text).preset == ""
    assert "column amount: '1,5'" in refused('remittance_id,reference,amount\nR1,INV-1,"1,5"\n')
    other = read(text.replace(",", ";"))
    assert (other.preset, lines(other)) == ("tieout", [("INV-1", Decimal("1.5"), 0, 0)])


GERMAN = """Muster Werkzeuge GmbH;;;;
Zahlungsavis-Nr: 88121;;Zahlungsdatum;14.09.2026;
Zahlungsbetrag;1.150,00 EUR;;;

Rechnungs-Nr.;Bruttobetrag;Skonto;Abzug;Zahlbetrag
2026-001;1.250,00;-25,00;;1.225,00
2026-G1;-75,00;;;-75,00
Zwischensumme;;;;1.150,00
Rechnungs-Nr.;Bruttobetrag;Skonto;Abzug;Zahlbetrag
2026-007;100,00;;-20,00;80,00
Summe:;;;;1.230,00
Vielen Dank;;;;
"""


def test_titles_facts_above_totals_and_repeated_headers():
    found = read(GERMAN)
    assert found.preset == "german"
    assert found.header_place == "line 5"
    assert lines(found) == [
        ("2026-001", 1225, 25, 0),
        ("2026-G1", -75, 0, 0),
        ("2026-007", 80, 0, 20),
    ]
    assert found.counted_rows == {"header": 1, "preamble": 3, "text": 1, "total": 2}
    for row in found.advices.record_batch.to_pylist():
        assert row["remittance_id"] == "88121"
        assert row["payment_amount_minor"] == 11_500_000
        assert row["payment_date"] == DAY


def test_every_row_is_a_line_or_counted():
    found = read(GERMAN)
    written = sum(bool(line.strip(";")) for line in GERMAN.splitlines())
    header = 1
    assert len(found.advices) + sum(found.counted_rows.values()) + header == written


def test_a_total_that_is_not_the_sum_is_refused_unless_totals_are_ignored():
    wrong = GERMAN.replace("1.230,00", "1.231,00")
    message = refused(wrong)
    assert (
        "line 11, column 'Zahlbetrag': '1.231,00' is not the sum of the lines, 1230.00;" in message
    )
    own = read_preset(
        "own.toml",
        'totals = "ignore"\n[columns]\nreference = ["Rechnungs-Nr."]\namount = ["Zahlbetrag"]\n',
    )
    assert len(lines(read(wrong, preset=own))) == 3


def test_a_spreadsheet_reads_like_the_text():
    rows = [
        ["Harbour Tools"],
        None,
        ["Invoice Number", "Gross Amount", "Discount", "Amount Paid", "Check Number", "Check Date"],
        ["INV-1", Decimal(1250), Decimal(25), Decimal(1225), 4711, DAY],
        [100234, Decimal("0.30000000000000004"), None, Decimal("0.3"), 4711, DAY],
        ["Total", None, None, Decimal("1225.3")],
    ]
    found = read(workbook(("Cover", [["x"]]), ("Advice", rows)), "advice.xlsx")
    assert (found.source, found.header_place) == ("sheet 'Advice'", "row 3")
    assert lines(found) == [("INV-1", 1225, 25, 0), ("100234", Decimal("0.3"), 0, 0)]
    assert found.advices.strings("check_number") == ["4711", "4711"]
    assert found.advices.record_batch.column("payment_date").to_pylist() == [DAY, DAY]


def test_amounts_and_dates_that_prove_nothing_are_asked_for():
    doubtful = 'Invoice,Amount,Payment Date\n1,"1,234",05/06/2026\n'
    message = refused(doubtful)
    assert "column 'Amount': '1,234' can be read in two ways" in message
    assert "--remittance-decimal (. or ,)" in message
    assert "--remittance-date (DMY, MDY or YMD)" in refused(doubtful, decimal=".")
    found = read(doubtful, decimal=".", date="MDY")
    assert lines(found) == [("1", 1234, 0, 0)]
    assert found.advices.record_batch.column("payment_date").to_pylist() == [dt.date(2026, 5, 6)]
    with_currency = 'Invoice,Amount,Currency\n1,"1,234",USD\n'
    assert lines(read(with_currency)) == [("1", 1234, 0, 0)]


def test_two_ways_of_writing_in_one_column_are_refused():
    message = refused("Invoice;Amount\n1;1,50\n2;1.50\n")
    assert "'1,50' and '1.50' are not written in one format" in message


def test_a_said_format_that_a_value_breaks_names_the_value():
    message = refused("Invoice;Amount\n1;1,50\n", decimal=".")
    assert "line 2, column 'Amount': '1,50' is no amount written like the others" in message


def test_without_a_paid_amount_it_is_gross_less_what_is_withheld():
    text = "Invoice,Gross,Discount,Deduction,Reason\nA,100.00,2.00,8.00,damaged\n"
    assert lines(read(text)) == [("A", 90, 2, 8)]


def test_lines_that_do_not_foot_are_counted():
    text = "Invoice,Gross,Discount,Amount Paid\nA,100.00,2.00,97.00\nB,10.00,,10.00\n"
    assert read(text).counted_rows == {"unbalanced": 1}


def test_a_deduction_without_a_document_is_named_by_its_reason():
    text = "Invoice,Amount Paid,Description\nA,100.00,\n,-5.00,co-op advertising\n"
    assert lines(read(text))[1] == ("co-op advertising", -5, 0, 0)
    assert "is empty; a line has an amount" in refused("Invoice,Amount\nA,1.00\n,2.00\n")


def test_payments_of_one_file_are_told_apart_and_blank_keys_go_on():
    text = (
        "Check Number,Payer,Invoice,Amount\n1,Acme,A,1.00\n,,B,2.00\n1,Beta,C,3.00\n2,Acme,D,4.00\n"
    )
    rows = read(text).advices.record_batch.to_pylist()
    found = {}
    for row in rows:
        found.setdefault((row["remittance_id"], row["advice_number"]), []).append(row["reference"])
    assert sorted(found.values()) == [["A", "B"], ["C"], ["D"]]
    assert {name for name, _ in found} == {"1", "2"}


GOTRANSVERSE = """LockCo,77,US Corp,09/14/2026,{total}
Line Number,Account Number,Customer Name,Deposit Date,Amount,Currency,Bank Routing Number,\
Bank Account Number,Check Number,Invoice Number,Invoice Due Date,Invoice Amount
1,1,Acme,09/14/2026,100.00,USD,1,2,501,INV-1,,60.00
2,1,Acme,09/14/2026,100.00,USD,1,2,501,INV-2,,40.00
3,1,Beta,09/14/2026,200.00,USD,1,2,502,INV-3,,200.00
"""


def test_the_declared_sum_on_line_one_is_checked():
    found = read(GOTRANSVERSE.format(total="300.00"))
    assert found.preset == "gotransverse_lockbox"
    assert lines(found) == [("INV-1", 60, 0, 0), ("INV-2", 40, 0, 0), ("INV-3", 200, 0, 0)]
    message = refused(GOTRANSVERSE.format(total="310.00"))
    assert "'310.00' is declared as the sum of all payments, the lines give 300.00;" in message


@pytest.mark.parametrize(
    ("header", "row", "preset", "line"),
    [
        (
            "Invoice Number,Payment Number,Invoice Date,Transaction type,Transaction Description,"
            "Reference Details,Original Invoice Number,Invoice Amount,Invoice Currency,"
            "Withholding Amount,Terms Discount Taken,Amount Paid,Remaining Amount",
            "A1,PAY9,,Invoice,,,,100.00,USD,0.00,2.00,98.00,0.00",
            "amazon_vendor",
            ("A1", 98, 2, 0),
        ),
        (
            "Vendor Number,Invoice Number,Total Invoice Amount,Discount Amount,Net Invoice Amount,"
            "Check Number,Check Date,Check Amount,Reason Code,Reason Descriptions",
            "7,A1,100.00,2.00,98.00,55,2026-09-14,98.00,,",
            "walmart_invoices",
            ("A1", 98, 2, 0),
        ),
        (
            "Type,Payment Detail ID,Payment ID,Source Transaction Number,Transaction Total,"
            "Discount Total,Adjustment Total,Currency Code,Payment Total",
            "Payment Details,1,9,A1,100.00,2.00,3.00,USD,95.00",
            "coupa_payment_detail",
            ("A1", 95, 2, 3),
        ),
        (
            "AVSID,AVSPO,XBLNR,WRBTR,WSKTO,NEBTR,RESTG",
            "04941119142212,00001,A1,100.00,2.00,98.00,",
            "sap_payment_advice",
            ("A1", 98, 2, 0),
        ),
        (
            "Payment Number,Invoice Date,Invoice Number,Curr,Invoice Amount,Discount,"
            "Payment Amount",
            "9,2026-09-01,A1,USD,100.00,2.00,98.00",
            "oracle_payables",
            ("A1", 98, 2, 0),
        ),
        (
            "N° de facture;Montant brut;Escompte;Montant payé",
            "A1;1 100,00;2,00;1 098,00",
            "french",
            ("A1", 1098, 2, 0),
        ),
        (
            "Nº de factura;Importe bruto;Descuento;Importe pagado",
            "A1;1.100,00;2,00;1.098,00",
            "spanish",
            ("A1", 1098, 2, 0),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_presets_know_their_headers(header, row, preset, line):
    found = read(f"{header}\n{row}\n")
    assert found.preset == preset
    assert lines(found) == [line]


def test_a_named_preset_is_the_only_one_that_is_tried():
    assert "preset german expects" in refused(ENGLISH, preset=read_preset("german"))
    with pytest.raises(TableError, match="'dutch' is no preset; expected one of tieout"):
        read_preset("dutch")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("columns = 1", "own.toml: "),
        ("[columns]\namount = ['A']", "columns.reference is missing"),
        ("[columns]\nreference = ['A']\ninvoice = ['B']", "columns.invoice is no column"),
        ("[columns]\nreference = ['A']\namount = ['a.']", "stands for reference and for amount"),
        ("[columns]\nreference = ['A']\n[control]\nrow = 1", "own.toml: "),
        ("decimal = ';'\n[columns]\nreference = ['A']", "own.toml: "),
    ],
)
def test_an_own_preset_that_is_wrong_is_refused_with_the_reason(text, said):
    with pytest.raises(TableError) as caught:
        read_preset("own.toml", text)
    assert said in str(caught.value)


def test_an_own_preset_reads_what_no_other_knows():
    own = read_preset(
        "own.toml",
        'decimal = "."\n[columns]\nreference = ["Doc"]\namount = ["Val"]\ncheck_number = ["Chk"]\n',
    )
    text = 'Doc,Val,Chk,Note\nA,"1,234",9,x\n'
    found = read(text, preset=own)
    assert (found.preset, lines(found)) == ("own", [("A", 1234, 0, 0)])
    assert [(use.header, use.role) for use in found.columns] == [
        ("Doc", "reference"),
        ("Val", "amount"),
        ("Chk", "check_number"),
        ("Note", ""),
    ]
    assert "no header of a remittance table in the first 60 rows" in refused(text)


def test_one_header_over_two_columns_is_refused():
    assert "stands over 2 columns" in refused("Invoice,Amount,Amount\nA,1.00,2.00\n")


def test_shipped_presets_say_where_their_names_are_from():
    for preset in shipped_presets().values():
        assert preset.title
        assert preset.documented


def test_the_file_id_is_of_the_content_not_of_the_name():
    one, two = read(ENGLISH, "a.csv"), read(ENGLISH, "b.txt")
    assert set(one.advices.strings("source_file")) == {"a.csv"}
    assert set(two.advices.strings("source_file")) == {"b.txt"}
    assert set(one.advices.strings("file_id")) == set(two.advices.strings("file_id"))


amount = st.decimals(Decimal("-9999.99"), Decimal("9999.99"), places=2)
tables = st.lists(
    st.tuples(st.text("AB-19", min_size=1, max_size=6), amount, amount.map(abs)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=80)
@given(tables, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(".,"), st.booleans())
def test_what_was_written_is_read_in_any_shape(rows, separator, sign, with_total):
    def money(value):
        text = f"{value:,.2f}"
        return text if sign == "." else text.translate(str.maketrans(".,", ",."))

    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator)
    writer.writerow(["Invoice", "Amount Paid", "Discount"])
    for reference, paid, discount in rows:
        writer.writerow([reference, money(paid), money(discount)])
    if with_total:
        writer.writerow(["Total", money(sum(paid for _, paid, _ in rows)), ""])
    found = read(out.getvalue())
    assert [(reference, paid, less) for reference, paid, less, _ in lines(found)] == [
        tuple(row) for row in rows
    ]
    assert found.counted_rows == ({"total": 1} if with_total else {})


@settings(max_examples=200)
@given(st.data())
def test_a_damaged_table_is_refused_or_read_never_a_crash(data):
    content = bytearray(GERMAN.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "double"]))
        if kind == "flip":
            content[at] = data.draw(st.integers(0, 255))
        elif kind == "cut" and at > 10:
            del content[at:]
        else:
            content[at:at] = content[at : at + 30]
    try:
        read(bytes(content))
    except TableError as error:
        assert str(error).startswith("advice.csv: ")  # noqa: PT017 - either outcome is right
