"""Exports of ERPs: every preset, and an error for every way a file can be read in two ways."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from spreadsheet_writing import workbook

from parsers.errors import TableError
from parsers.ledger_files import read_ledger_file
from parsers.ledger_presets import (
    LedgerSettings,
    read_ledger_preset,
    shipped_ledger_presets,
)


def read(text, preset, kind="open_items", name="export.csv", **said):
    settings = LedgerSettings(preset=read_ledger_preset(preset), **said)
    content = text if isinstance(text, bytes) else text.encode()
    return read_ledger_file(name, content, kind, settings)


def items(found, *names):
    rows = found.batch.record_batch.to_pylist()
    return [tuple(str(row[name]) for name in names) for row in rows]


SHOWN = (
    "open_item_id",
    "customer_id",
    "document_number",
    "document_type",
    "currency",
    "open_minor",
    "due_date",
)

EXPORTS = {
    "sap": (
        "Line items\n;;;;;;;;;;\n"
        "Company Code;Customer;Document Number;Fiscal Year;Line item;Reference;Document Type;"
        "Document Date;Net due date;Amount in doc. curr.;Document currency\n"
        "1000;100234;1800000123;2026;1;INV-1;RV;05.09.2026;15.10.2026;1.234,50;EUR\n"
        "1000;100234;1600000009;2026;1;;DG;07.09.2026;07.09.2026;200,00-;EUR\n"
        "*;;;;;;;;;1.034,50;EUR\n"
        "1000;100999;1400000124;2026;2;INV-2;DZ;13.09.2026;13.10.2026;99,00;EUR\n"
        "**;;;;;;;;;1.133,50;EUR\n",
        {},
        [
            ("1000/1800000123/2026/1", "100234", "INV-1", "invoice", "EUR", "123450", "2026-10-15"),
            (
                "1000/1600000009/2026/1",
                "100234",
                "1600000009",
                "credit_memo",
                "EUR",
                "-20000",
                "2026-09-07",
            ),
            (
                "1000/1400000124/2026/2",
                "100999",
                "INV-2",
                "debit_memo",
                "EUR",
                "9900",
                "2026-10-13",
            ),
        ],
    ),
    "oracle": (
        "Transaction Number,Transaction Class,Bill-to Account Number,Balance Due,Entered Currency,"
        "Due Date,Payment Schedule ID\n"
        "TRX-1,Invoice,1001,1500.25,USD,2026-10-01,300100\nTRX-2,Credit "
        "Memo,1001,-80.00,USD,,300101\n",
        {},
        [
            ("300100", "1001", "TRX-1", "invoice", "USD", "150025", "2026-10-01"),
            ("300101", "1001", "TRX-2", "credit_memo", "USD", "-8000", "None"),
        ],
    ),
    "netsuite": (
        "Internal ID,Document Number,Type,Customer,Amount Remaining,Currency,Date,Due Date\n"
        '881,INV881,Invoice,12 Acme,"1,200.00",USD,9/21/2026,10/21/2026\n'
        "882,CM882,Credit Memo,12 Acme,200.00,USD,9/22/2026,\n",
        {},
        [
            ("881", "12 Acme", "INV881", "invoice", "USD", "120000", "2026-10-21"),
            ("882", "12 Acme", "CM882", "credit_memo", "USD", "-20000", "None"),
        ],
    ),
    "dynamics_finance": (
        "Company,Customer account,Voucher,Invoice,Transaction type,Currency,"
        "Amount not settled in transaction currency,Due date\n"
        "usmf,US-001,FTI-1,INV-7,Free text invoice,USD,310.00,2026-09-30\n"
        "usmf,US-001,PAY-9,,Payment,USD,-25.50,2026-09-30\n",
        {},
        [
            ("usmf/FTI-1/INV-7", "US-001", "INV-7", "invoice", "USD", "31000", "2026-09-30"),
            ("usmf/PAY-9", "US-001", "PAY-9", "on_account", "USD", "-2550", "2026-09-30"),
        ],
    ),
    "business_central": (
        "Entry No.;Customer No.;Document Type;Document No.;Remaining Amount;Due Date;Currency "
        "Code\n"
        "2501;10000;Invoice;103001;1.450,75;31.12.2026;\n2502;10000;Payment;BNK-4;-50,00;3"
        "1.12.2026;USD\n",
        {"currency": "EUR"},
        [
            ("2501", "10000", "103001", "invoice", "EUR", "145075", "2026-12-31"),
            ("2502", "10000", "BNK-4", "on_account", "USD", "-5000", "2026-12-31"),
        ],
    ),
    "odoo": (
        "id,partner_id/ref,move_id/name,currency_id/name,amount_residual,date_maturity,ref\n"
        "__export__.aml_7,C-7,INV/2026/00007,EUR,119.00,2026-10-10,PO 4\n"
        "__export__.aml_8,C-7,RINV/2026/00001,EUR,-19.00,2026-10-10,\n",
        {},
        [
            ("__export__.aml_7", "C-7", "INV/2026/00007", "invoice", "EUR", "11900", "2026-10-10"),
            (
                "__export__.aml_8",
                "C-7",
                "RINV/2026/00001",
                "credit_memo",
                "EUR",
                "-1900",
                "2026-10-10",
            ),
        ],
    ),
    "quickbooks": (
        "Open Invoices\nAs of October 30\n\n"
        "Date,Transaction type,Num,Due date,Amount,Open balance\n"
        "Amy's Bird Sanctuary,,,,,\n"
        "09/14/2026,Invoice,1021,10/14/2026,459.00,239.00\n"
        "09/20/2026,Credit Memo,1026,,-100.00,-100.00\n"
        "Total for Amy's Bird Sanctuary,,,,359.00,139.00\n"
        "Cool Cars,,,,,\n"
        "09/25/2026,Invoice,1030,10/25/2026,80.00,80.00\n"
        "Total for Cool Cars,,,,80.00,80.00\n"
        "TOTAL,,,,439.00,219.00\n",
        {"currency": "USD"},
        [
            (
                "invoice/1021",
                "Amy's Bird Sanctuary",
                "1021",
                "invoice",
                "USD",
                "23900",
                "2026-10-14",
            ),
            (
                "credit_memo/1026",
                "Amy's Bird Sanctuary",
                "1026",
                "credit_memo",
                "USD",
                "-10000",
                "None",
            ),
            ("invoice/1030", "Cool Cars", "1030", "invoice", "USD", "8000", "2026-10-25"),
        ],
    ),
    "xero": (
        "ContactName,InvoiceNumber,Type,InvoiceDate,DueDate,Total,InvoiceAmountDue,Currency\n"
        "Ridgeway,INV-0027,Sales invoice,15/09/2026,30/09/2026,6187.50,6187.50,GBP\n"
        "Ridgeway,CN-0015,Sales credit note,16/09/2026,,216.00,216.00,GBP\n",
        {},
        [
            ("INV-0027", "Ridgeway", "INV-0027", "invoice", "GBP", "618750", "2026-09-30"),
            ("CN-0015", "Ridgeway", "CN-0015", "credit_memo", "GBP", "-21600", "None"),
        ],
    ),
}


@pytest.mark.parametrize("preset", EXPORTS)
def test_an_export_of_every_erp_is_read(preset):
    text, said, expected = EXPORTS[preset]
    if preset == "quickbooks":
        text = text.replace("credit_memo/1026", "Credit Memo/1026")
        expected = [
            (
                one[0].replace("invoice/", "Invoice/").replace("credit_memo/", "Credit Memo/"),
                *one[1:],
            )
            for one in expected
        ]
    found = read(text, preset, **said)
    assert items(found, *SHOWN) == expected
    assert found.preset == preset


def test_every_preset_is_tried_and_says_where_its_headers_come_from():
    presets = shipped_ledger_presets()
    assert set(EXPORTS) == set(presets)
    assert all(one.documented and one.title and one.customers for one in presets.values())


def test_rows_that_are_no_items_are_counted_by_what_they_are():
    text, said, _ = EXPORTS["quickbooks"]
    assert read(text, "quickbooks", **said).counted_rows == {"group": 2, "preamble": 2, "total": 3}


@pytest.mark.parametrize(
    ("preset", "text", "row"),
    [
        (
            "sap",
            "Customer;Name 1;IBAN\n100;Acme GmbH;DE89370400440532013000\n",
            ("100", "Acme GmbH"),
        ),
        ("sap", "KUNNR,NAME1,BUKRS\n100,Acme,1000\n", ("100", "Acme")),
        ("oracle", "Account Number,Customer Name\n17,Acme\n", ("17", "Acme")),
        ("netsuite", "Internal ID,Company Name\n9,Acme\n", ("9", "Acme")),
        ("dynamics_finance", "Customer account,Name\nUS-1,Acme\n", ("US-1", "Acme")),
        ("business_central", "No.,Name,Blocked\n10000,Adatum,All\n", ("10000", "Adatum")),
        ("odoo", "Name,Reference\nAzure,C-1\n", ("C-1", "Azure")),
        ("quickbooks", "Id,DisplayName\n3,Cool Cars\n", ("3", "Cool Cars")),
        ("quickbooks", "Customer full name,Company name\nCool Cars,\n", ("Cool Cars", "Cool Cars")),
        ("xero", "ContactName,BankAccountNumber\nRidgeway,7\n", ("Ridgeway", "Ridgeway")),
    ],
)
def test_customers_of_every_erp_are_read(preset, text, row):
    assert items(read(text, preset, "customers"), "customer_id", "name") == [row]


BC = "Entry No.,Customer No.,Document No.,Remaining Amount,Due Date,Currency Code\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            BC + '1,C,I,"1.234",2026-10-01,KWD\n',
            "'1.234' is 1.234 (.) or 1234 (,), and no other value tells which; say --decimal . or "
            "--decimal ,",
        ),
        (
            BC + "1,C,I,5.00,03/04/2026,USD\n",
            "'03/04/2026' is 2026-04-03 (DMY) or 2026-03-04 (MDY), and no other value tells "
            "which; say --date DMY or --date MDY",
        ),
        (
            BC + '1,C,I,"1.234,50",2026-10-01,USD\n2,C,J,"1,234.50",2026-10-01,USD\n',
            "are not written in one format",
        ),
        (BC + "1,C,I,12x,2026-10-01,USD\n", "'12x'"),
        (BC + "1,C,I,5.00,2026-13-01,USD\n", "'2026-13-01'"),
        (
            BC + "1,C,I,5.00,2026-10-01,\n",
            "line 2: no column says the currency; give --currency CODE",
        ),
        (BC + "1,C,I,5.00,2026-10-01,USX\n", "USX"),
        (BC + "1,C,I,5.00,,USD\n1,C,J,6.00,,USD\n", "stands in line 2 already"),
        (BC + ",,,7.00,,USD\n", "stands in a row that names no document"),
        (BC + "1,C,I,5.00,,USD\nTotal,,,6.00,,\n", "'6.00' is not the sum of the rows above, 5.00"),
        ("a,b\n1,2\n", "no header of a table of open items"),
    ],
)
def test_what_can_be_read_in_two_ways_or_not_at_all_is_an_error(text, said):
    with pytest.raises(TableError) as caught:
        read(text, "business_central")
    assert said in str(caught.value)
    assert str(caught.value).startswith("export.csv: ")


def test_what_is_said_settles_the_doubt():
    text = BC + '1,C,I,"1.234",03/04/2026,KWD\n'
    as_comma = read(text, "business_central", decimal=",", date="MDY")
    assert items(as_comma, "open_minor", "due_date") == [("1234000", "2026-03-04")]
    as_point = read(text, "business_central", decimal=".", date="DMY")
    assert items(as_point, "open_minor", "due_date") == [("1234", "2026-04-03")]


def test_one_value_proves_the_format_of_all():
    text = BC + "1,C,I,5.00,03/04/2026,USD\n2,C,J,6.00,13/04/2026,USD\n"
    assert items(read(text, "business_central"), "due_date") == [("2026-04-03",), ("2026-04-13",)]


def test_an_error_names_the_header_the_file_has():
    with pytest.raises(TableError, match=r"line 2, column 'Customer No\.' \(customer_id\)"):
        read(BC + "1,,I,5.00,,USD\n", "business_central")


def test_a_type_nobody_knows_lists_those_that_are():
    text = EXPORTS["oracle"][0].replace("Credit Memo", "Guarantee")
    with pytest.raises(
        TableError, match="'Guarantee' is no document type that preset oracle knows: invoice, inv"
    ):
        read(text, "oracle")


def test_a_workbook_is_read_as_the_text_is():
    text, said, expected = EXPORTS["oracle"]
    import csv  # noqa: PLC0415 - beside its use

    rows = [[None if cell == "" else cell for cell in row] for row in csv.reader(text.splitlines())]
    found = read(workbook(("Items", rows)), "oracle", name="export.xlsx", **said)
    assert items(found, *SHOWN) == expected
    assert found.source == "sheet 'Items'"


def test_an_own_preset_reads_an_own_export():
    preset = read_ledger_preset(
        "own.toml",
        '[[open_items]]\nid = ["document_number"]\n[open_items.columns]\n'
        'customer_id = ["Kunde"]\ndocument_number = ["Rechnung"]\nopen_amount = ["Offen"]\n',
    )
    settings = LedgerSettings(preset=preset, currency="EUR")
    found = read_ledger_file(
        "x.csv", b"Rechnung;Kunde;Offen\nR1;K1;12,50\n", "open_items", settings
    )
    assert items(found, "open_item_id", "open_minor") == [("R1", "1250")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[open_items]]\n[open_items.columns]\namount = ['x']", "'amount' is no column"),
        (
            "[[open_items]]\n[open_items.columns]\ncustomer_id = ['x']",
            "columns.open_amount is missing",
        ),
        (
            "[[open_items]]\n[open_items.columns]\nopen_amount = ['x']\ncurrency = ['X']",
            "'X' stands for",
        ),
        ("title = 'x'", "has neither"),
        ("[[items]]", "unknown field `items`"),
    ],
)
def test_an_own_preset_that_is_none_is_refused(text, said):
    with pytest.raises(TableError, match=r"own\.toml: ") as caught:
        read_ledger_preset("own.toml", text)
    assert said in str(caught.value)


LIST = """\
Customer Line Item Display

Customer            100234
Company Code        1000

Name                Acme GmbH
City                Berlin
-------------------------------------------------------------------------------
|St|DocumentNo|Type|Doc. Date |Net due dt|Amount in doc. curr.|Curr.|Reference|
-------------------------------------------------------------------------------
|  |1800000123|RV  |05.09.2026|15.10.2026|            1.234,50|EUR  |INV-1    |
|  |1600000009|DG  |07.09.2026|07.09.2026|              200,00-|EUR |         |
-------------------------------------------------------------------------------
|* |          |    |          |          |            1.034,50|EUR  |         |
-------------------------------------------------------------------------------
|** Account 100234                                |            1.034,50|EUR  |         |

Customer            100999

Name                Beta AG
-------------------------------------------------------------------------------
|St|DocumentNo|Type|Doc. Date |Net due dt|Amount in doc. curr.|Curr.|Reference|
-------------------------------------------------------------------------------
|  |1400000124|RV  |13.09.2026|13.10.2026|               99,00|EUR  |INV-2    |
|* |          |    |          |          |               99,00|EUR  |         |
"""


def test_a_list_names_its_customers_above_their_items():
    found = read(LIST, "sap", name="list.txt")
    assert items(found, "open_item_id", "customer_id", "document_type", "open_minor") == [
        ("1000/1800000123", "100234", "invoice", "123450"),
        ("1000/1600000009", "100234", "credit_memo", "-20000"),
        ("1000/1400000124", "100999", "invoice", "9900"),
    ]
    assert [(use.header, use.role) for use in found.columns[-2:]] == [
        ("Customer (above)", "customer_id"),
        ("Company Code (above)", "company_id"),
    ]
    assert found.counted_rows == {
        "above": 3,
        "header": 1,
        "preamble": 4,
        "rule": 5,
        "text": 1,
        "total": 3,
    }


def test_a_list_of_cells_in_german_is_read_as_well():
    text = (
        "Debitor\t\t100234\nBuchungskreis:\t1000\n\n"
        "Belegnummer\tBelegart\tBelegdatum\tBetrag in Belegwährung\tBelegwährung\n"
        "18\tRV\t13.09.2026\t1,50\tEUR\n"
        "Debitor : 100999\n"
        "19\tRV\t13.09.2026\t2,50\tEUR\n"
    )
    found = read(text, "sap", name="liste.txt")
    shown = items(found, "open_item_id", "customer_id", "open_minor")
    assert shown == [("1000/18", "100234", "150"), ("1000/19", "100999", "250")]


def test_a_customer_of_the_table_is_not_taken_from_above():
    header, row = "Customer;Document Number;Amount in doc. curr.;Curr.\n", "7;18;1,50;EUR\n"
    found = read("Customer;8\n" + header + row, "sap")
    assert items(found, "customer_id") == [("7",)]
    assert found.counted_rows == {"preamble": 1}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            LIST.replace("Customer            100234", "Accounts of this list"),
            "list.txt: line 11, column 'Customer': '' stands in no line above, and no column says "
            "whose it is",
        ),
        (
            LIST.replace("|               99,00|EUR  |  ", "|               98,00|EUR  |  "),
            "'98,00'",
        ),
    ],
)
def test_an_item_without_a_customer_and_a_sum_that_differs_are_errors(changed, said):
    assert changed != LIST
    with pytest.raises(TableError) as caught:
        read(changed, "sap", name="list.txt")
    assert said in str(caught.value)
