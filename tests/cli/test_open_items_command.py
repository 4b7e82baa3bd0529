"""`tieout open-items`, and exports of ERPs given to `tieout match`."""

import csv
import json

import pytest

from tieout.commands import main

SAP = (
    "Company Code;Customer;Document Number;Fiscal Year;Line item;Reference;Document Type;"
    "Net due date;Amount in doc. curr.;Document currency\n"
    "US01;C1;1800000123;2026;1;INV-1001;RV;15.10.2026;100,00;USD\n"
    "US01;C1;1800000124;2026;1;INV-1002;RV;15.10.2026;250,50;USD\n"
)
CUSTOMERS = "Customer;Name 1;Company Code\nC1;Acme;US01\n"
PAYMENTS = (
    "payment_id,company_id,amount,currency,value_date,payer_name,remittance_text\n"
    "P-1,US01,100.00,USD,2026-09-29,Acme,INV-1001\n"
)


@pytest.fixture
def exports(tmp_path):
    (tmp_path / "fbl5n.csv").write_text(SAP)
    (tmp_path / "customers.csv").write_text(CUSTOMERS)
    (tmp_path / "payments.csv").write_text(PAYMENTS)
    return tmp_path


def test_an_export_is_matched_as_it_comes(exports, capsys):
    given = [
        "--payments",
        str(exports / "payments.csv"),
        "--open-items",
        str(exports / "fbl5n.csv"),
    ]
    given += ["--customers", str(exports / "customers.csv"), "--preset", "sap"]
    assert main(["match", *given, "--out", str(exports / "run"), "--format", "csv"]) == 0
    capsys.readouterr()
    (row,) = csv.DictReader((exports / "run" / "applications.csv").read_text().splitlines())
    assert (row["open_item_id"], row["amount_applied"]) == ("US01/1800000123/2026/1", "100.00")


def test_match_names_its_own_options_where_a_format_is_in_doubt(exports, capsys):
    (exports / "fbl5n.csv").write_text(SAP.replace("15.10.2026", "05/10/2026"))
    given = [
        "--payments",
        str(exports / "payments.csv"),
        "--open-items",
        str(exports / "fbl5n.csv"),
    ]
    assert main(["match", *given, "--preset", "sap", "--dry-run"]) == 65
    assert "say --preset-date DMY or --preset-date MDY" in capsys.readouterr().err
    assert main(["match", *given, "--preset", "sap", "--preset-date", "DMY", "--dry-run"]) == 0


def test_check_says_how_a_file_was_understood(exports, capsys):
    assert main(["open-items", "check", str(exports / "fbl5n.csv"), "--preset", "sap"]) == 0
    told = capsys.readouterr().out
    assert "2 rows; preset sap" in told
    assert "USD 350.50 open" in told
    assert "Reference → document_number" in told
    given = [
        "open-items",
        "check",
        str(exports / "customers.csv"),
        "--preset",
        "sap",
        "--customers",
    ]
    assert main([*given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 1


def test_check_reads_tables_of_the_contract_too(ledger, capsys):
    assert main(["open-items", "check", str(ledger / "open_items.csv")]) == 0
    told = capsys.readouterr().out
    assert "4 rows; columns of the contract" in told
    assert "JPY 5,000 open" in told
    (ledger / "open_items.csv").write_text("open_item_id\nx\n")
    assert main(["open-items", "check", str(ledger / "open_items.csv")]) == 65
    assert "required column 'customer_id' is missing" in capsys.readouterr().err


def test_a_preset_nobody_knows_lists_those_there_are(exports, capsys):
    assert main(["open-items", "check", str(exports / "fbl5n.csv"), "--preset", "sage"]) == 65
    assert "'sage' is no preset; expected one of sap, oracle," in capsys.readouterr().err
    assert main(["open-items", "presets"]) == 0
    assert "business_central" in capsys.readouterr().out


def test_an_export_without_a_preset_is_told_which_one_fits(exports, capsys):
    assert main(["open-items", "check", str(exports / "fbl5n.csv")]) == 65
    assert "it looks like an export: give --preset sap" in capsys.readouterr().err
    (exports / "other.csv").write_text("a;b\n1;2\n")
    assert main(["open-items", "check", str(exports / "other.csv")]) == 65
    assert "--preset" not in capsys.readouterr().err


def test_diff_says_what_is_new_gone_and_changed(exports, capsys):
    new = SAP.replace("250,50", "200,50").replace("INV-1001", "INV-1001X")
    new = "\n".join(line for line in new.splitlines() if "INV-1001X" not in line)
    new += "\nUS01;C2;1800000130;2026;1;INV-1009;RV;15.10.2026;75,00;USD\n"
    (exports / "new.csv").write_text(new)
    files = [str(exports / "fbl5n.csv"), str(exports / "new.csv")]
    out = exports / "changes.csv"
    assert main(["open-items", "diff", *files, "--preset", "sap", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "2 items before, 2 now: 1 new, 1 gone, 1 changed, 0 the same" in told
    assert "USD 350.50 open before, 275.50 now" in told
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [
        (row["change"], row["document_number"], row["field"], row["before"], row["now"])
        for row in rows
    ] == [
        ("gone", "INV-1001", "open_amount", "100.00", ""),
        ("changed", "INV-1002", "original_amount", "250.50", "200.50"),
        ("changed", "INV-1002", "open_amount", "250.50", "200.50"),
        ("new", "INV-1009", "open_amount", "", "75.00"),
    ]
    assert main(["open-items", "diff", files[0], files[0], "--preset", "sap", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["changes"] == []
