"""Every diagnostic code has a file that raises it, and the message people see is the one kept."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from error_messages import FOLDER, reproducers, said

from parsers.bank_files import parse_source
from parsers.byte_source import BytesSource
from parsers.diagnostic_codes import DIAGNOSTIC_CODES
from parsers.excerpts import caret_index

ROOT = Path(__file__).resolve().parents[2]
CASES = reproducers()
AGAIN = "run: .venv/bin/python tests/errors/error_messages.py, and read what it wrote"


@pytest.mark.parametrize("code", CASES)
def test_the_message_of_a_reproducer_is_the_one_kept(code):
    golden = FOLDER / f"{code}.txt"
    assert golden.is_file(), AGAIN
    assert said(CASES[code]) == golden.read_text("utf-8"), AGAIN
    assert f" {code} " in golden.read_text("utf-8"), f"the file does not raise {code}"


def test_every_code_has_a_reproducer_and_every_reproducer_a_code():
    assert sorted(set(DIAGNOSTIC_CODES) - set(CASES)) == [], "add tests/errors/CODE.ext"
    assert sorted(set(CASES) - set(DIAGNOSTIC_CODES)) == []
    assert sorted(path.stem for path in FOLDER.glob("*-*.txt")) == sorted(CASES)


def test_what_readers_raise_stands_in_the_table_and_the_table_is_raised():
    prefixes = "|".join(sorted({code.partition("-")[0] for code in DIAGNOSTIC_CODES}))
    literal = re.compile(rf'"((?:{prefixes})-[A-Z][A-Z-]*)"')
    sources = [path.read_text("utf-8") for path in (ROOT / "parsers").rglob("*.py")]
    raised = {code for text in sources for code in literal.findall(text)}
    assert sorted(raised - set(DIAGNOSTIC_CODES)) == []
    assert sorted(set(DIAGNOSTIC_CODES) - raised) == []


def test_the_pages_are_those_of_the_codes():
    pages = sorted(path.stem for path in (ROOT / "docs" / "diagnostics").glob("*.md"))
    assert pages == sorted(DIAGNOSTIC_CODES)


@pytest.mark.parametrize("code", [code for code, path in CASES.items() if path.is_file()])
def test_a_diagnostic_with_a_column_points_at_its_value(code):
    content = CASES[code].read_bytes()
    if CASES[code].suffix == ".gz":
        return
    parsed = parse_source(BytesSource(content), code)
    for row in parsed.diagnostics.record_batch.to_pylist():
        whole = rf"(?<![0-9A-Za-z.]){re.escape(row['value'])}(?![0-9A-Za-z.])"
        if row["column"] is None or not row["value"] or not re.search(whole, row["excerpt"]):
            continue
        shown = row["excerpt"][caret_index(row["excerpt"], row["column"]) :]
        place = f"{row['code']} at {row['line']}:{row['column']}: {row['excerpt']}"
        assert shown.startswith(row["value"]) or row["offset"] is None, place
