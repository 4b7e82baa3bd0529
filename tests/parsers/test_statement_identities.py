"""A statement is known by what its bank calls it, in whatever wrapping it comes."""

from pathlib import Path

import pytest

from parsers.bank_files import parse_bank_file

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(path for path in GOLDEN.rglob("*") if path.suffix not in {".json", ""})
KNOWN = {
    "two_banks_one_stream.bai": [
        ("4402207781", "121000248/1/2359", "2026-09-11", "USD", 2_955_000),
        ("DE-COLLECT", "021000021/1/2400", "2026-09-11", "EUR", 950_125),
    ],
    "statement_02.xml": [("DE89370400440532013000", "DE-0231/231/1", "", "EUR", 40_079)],
    "dutch_codewords.sta": [
        ("NL20INGB0001234567", "00258", "260915", "EUR", 72_834_500),
        ("NL69INGB0123456789", "00258", "260915", "USD", 24_900_000),
    ],
    "layout_b.lockbox.txt": [("0077123", "001", "2026-09-14", "USD", 30_005)],
    "remittance.ach": [("091000019", "123456789/0615/A", "2026-09-11", "USD", 79_272)],
    "orders.edi": [("NORTHWIND", "ACMECORP/0615/000000001", "260911", "", 0)],
}


def statements(content, name="file"):
    return parse_bank_file(content, name).statements


def as_rows(found):
    return [
        (one.account, one.statement_id, one.date, one.currency, one.total_minor) for one in found
    ]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_name_and_line_ends_do_not_change_what_a_statement_is(path):
    content = path.read_bytes()
    once = statements(content, path.name)
    assert statements(content, "another name") == once
    other = content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    assert statements(other, path.name) == once
    if not path.name.startswith("payables"):  # an advice is no statement
        assert once


@pytest.mark.parametrize("name", KNOWN)
def test_a_statement_is_its_account_name_date_and_sum(name):
    (path,) = (one for one in FILES if one.name == name)
    assert as_rows(statements(path.read_bytes())) == KNOWN[name]


def test_another_date_or_sum_is_another_statement():
    path = GOLDEN / "bai2" / "two_banks_one_stream.bai"
    content = path.read_bytes()
    later = statements(content.replace(b",260911,2359", b",260912,2359"))
    assert later[0] != statements(content)[0]
    assert later[1:] == statements(content)[1:]


def test_a_statement_cut_off_in_its_rows_is_no_statement_yet():
    content = (GOLDEN / "camt" / "statement_02.xml").read_bytes()
    assert statements(content[: len(content) // 2]) == ()
