"""What a clerk reads of each exception code: one payment's sentence, read and approved.

`TIEOUT_GOLDEN=write` writes the page anew; read it as the clerk would who has to act on it.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from case_language import match_input_of, read_cases

from engine.exception_codes import EXCEPTION_CODES
from engine.matcher import match_payments

FOLDER = Path(__file__).parent
PAGE = FOLDER / "exception_sentences.md"
NOT_OF_PAYMENTS = {
    "IN-DUPFILE": "is of a file: `tests/cli/test_command_line.py`",
    "SYS-POSTFAIL": "is reserved, nothing raises it",
}
NOTHING_TO_NAME = {
    *("IN-FORMAT", "IN-TOTAL", "IN-SEQ", "IN-SIGN", "IN-CCY", "IN-NONAR"),  # the file is told apart
    *("PAY-UNKNOWN", "PAY-AMBIG", "PAY-CONFLICT"),  # customers stand behind the amount
    *("RMT-WAIT", "RMT-ORPHAN"),  # no advice, no payment
}
"""Codes whose sentence names no item, amount or account in brackets."""


def _quiet(stage: str, row_count: int) -> None:
    """Nobody watches."""


def _first_of_each_code() -> dict[str, dict]:
    """Of each code the first exception of all cases, a primary one before others."""
    found: dict[str, dict] = {}
    for path in sorted(FOLDER.glob("*.txt")):
        for case in read_cases(path):
            result = match_payments(match_input_of(case), _quiet)
            for row in result.exceptions.record_batch.to_pylist():
                known = found.get(row["code"])
                if known is None or (row["is_primary"] and not known["is_primary"]):
                    found[row["code"]] = row
    return found


FOUND = _first_of_each_code()


def _page() -> str:
    lines = ["# What a clerk reads of each code", ""]
    for code in EXCEPTION_CODES:
        if code in FOUND:
            row = FOUND[code]
            lines += [
                f"- **{code}** {row['message']}",
                f"  - missing: {row['missing_fact']}",
                f"  - what to do: {row['suggested_action']}",
            ]
    return "\n".join(lines) + "\n"


def test_the_sentences_are_as_they_were_approved():
    if os.environ.get("TIEOUT_GOLDEN") == "write":
        PAGE.write_text(_page(), "utf-8")
    assert _page() == PAGE.read_text("utf-8")


def test_every_code_has_a_case_that_raises_it():
    assert sorted(set(EXCEPTION_CODES) - set(FOUND)) == sorted(NOT_OF_PAYMENTS)


def test_every_sentence_names_payer_amount_and_currency():
    wrong = {
        code: row["message"]
        for code, row in FOUND.items()
        if code != "RMT-ORPHAN" and not re.search(r": .+ -?\d[\d.]* [A-Z]{3}(;|$)", row["message"])
    }
    assert not wrong


def test_every_sentence_names_what_it_is_about():
    wordless = {code for code, row in FOUND.items() if not re.search(r"\(.+\): ", row["message"])}
    assert wordless == NOTHING_TO_NAME
