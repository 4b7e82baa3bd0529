"""`tieout match` on EDI 820 and NACHA files: orders settle, advice joins, addenda are read."""

import csv
import sys
from pathlib import Path

import pytest

from tieout.commands import main

sys.path.append(str(Path(__file__).parents[1] / "parsers"))
from nacha_writing import batch, entry, nacha
from x12_writing import BPR, interchange, order, text, transaction

LINES = ("RMR*IV*INV-1001**100.00", "REF*PO*9", "RMR*IV*INV-1002**250.50")


@pytest.fixture
def match(ledger, tmp_path):
    """Run `tieout match` on files by name; gives what was applied automatically."""

    def run(**files):
        paths = []
        for name, content in files.items():
            path = tmp_path / name
            path.write_bytes(content)
            paths.append(str(path))
        out = tmp_path / "run"
        given = ["match", *paths, "--format", "csv", "--out", str(out), "--overwrite"]
        given += ["--open-items", str(ledger / "open_items.csv")]
        given += ["--customers", str(ledger / "customers.csv")]
        assert main(given) == 0
        with (out / "applications.csv").open(encoding="utf-8") as rows:
            found = [row for row in csv.DictReader(rows) if row["decision"] == "auto"]
        return sorted((row["open_item_id"], row["amount_applied"]) for row in found)

    return run


APPLIED = [("I1", "100.00"), ("I2", "250.50")]


def order_file(bpr=BPR):
    """An 820 of 350.50."""
    segments = order(*LINES, amount="350.50", trace="T-77", payer="Acme", bpr=bpr)
    return text(interchange(transaction(segments)))


def test_an_820_settles_what_its_lines_name(match):
    assert match(orders=order_file()) == APPLIED


def test_an_820_with_information_alone_tells_what_a_bank_statement_paid(match):
    statement = (
        "01,BANK,ACME,260911,0800,1,,,2/\n02,ACME,BANK,1,260911,0800,USD,2/\n"
        "03,7788990011,USD,015,35050,,/\n16,165,35050,Z,BK9001,,TRACE#: T-77/\n"
        "49,70100,3/\n98,70100,1,5/\n99,70100,1,7/\n"
    )
    apart = order_file(BPR.replace("BPR*C", "BPR*I"))
    assert match(statement=statement.encode(), advice=apart) == APPLIED


def test_a_ctx_entry_settles_what_its_addenda_name(match):
    segments = order(*LINES, amount="350.50", trace="T-77", payer="Acme")
    remittance = text(interchange(transaction(segments)), end="\\", after="").decode()
    assert match(ach=nacha(batch(entry(35_050, remittance), company="ACME"))) == APPLIED
