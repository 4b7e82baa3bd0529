"""An MT940 statement matched from the command line, end to end, by the engine itself."""

import csv
from decimal import Decimal

from tieout.commands import main

ITEMS = (
    "open_item_id,company_id,customer_id,document_number,currency,open_amount,document_date\n"
    "I1,DE01,C1,RG-2026-1045,EUR,4000.00,2026-08-01\n"
    "I2,DE01,C1,RG-2026-1046,EUR,820.15,2026-08-02\n"
    "I3,DE01,C2,RG-2026-2001,EUR,990.00,2026-08-03\n"
)
CUSTOMERS = (
    "customer_id,company_id,name,bank_accounts\n"
    "C1,DE01,Nordstahl Handelsgesellschaft mbH,DE02120300000000202051\n"
    "C2,DE01,Werkzeugbau Lindner,DE75512108001245126199\n"
)
ACCOUNTS = "bank_account,company_id,currency\n37040044/0532013000,DE01,EUR\n"
STATEMENT = (
    ":20:STARTUMS\r\n:25:37040044/0532013000\r\n:28C:00217/001\r\n:60F:C260914EUR100,00\r\n"
    ":61:2609150915CR4820,15NTRFNONREF//0926258001\r\n"
    ":86:166?00GUTSCHRIFT?20EREF+NS-17?21SVWZ+RECHNUNG RG-2026-1045?22UND \r\n"
    "RG-2026-1046?30COBADEFFXXX?31DE02120300000000202051?32NORDSTAHL HANDEL\r\n"
    ":61:2609150915DR20,15NCHGNONREF\r\n:86:808?00ENTGELT?20KONTO\r\n"
    ":62F:C260915EUR4900,00\r\n-\r\n"
)


def test_a_statement_of_a_german_bank_pays_the_invoices_it_names(tmp_path, capsys):
    for name, text in {
        "items.csv": ITEMS,
        "customers.csv": CUSTOMERS,
        "accounts.csv": ACCOUNTS,
        "umsaetze.sta": STATEMENT,
    }.items():
        (tmp_path / name).write_text(text)
    out = tmp_path / "run"
    code = main(
        [
            *("match", str(tmp_path / "umsaetze.sta"), "--format", "csv", "--out", str(out)),
            *("--open-items", str(tmp_path / "items.csv")),
            *("--customers", str(tmp_path / "customers.csv")),
            *("--bank-accounts", str(tmp_path / "accounts.csv")),
        ]
    )
    assert code == 0, capsys.readouterr().err
    with (out / "applications.csv").open() as file:
        applied = {
            (row["open_item_id"], row["amount_applied"], row["decision"])
            for row in csv.DictReader(file)
        }
    assert {(item, Decimal(amount), how) for item, amount, how in applied} == {
        ("I1", Decimal(4000), "auto"),
        ("I2", Decimal("820.15"), "auto"),
    }
    with (out / "payments.csv").open() as file:
        (payment,) = csv.DictReader(file)
    assert (payment["source_format"], payment["status"]) == ("mt940", "applied")
