"""Runs every acceptance case of `*.txt` beside this file (the language: `case_language`)."""

from __future__ import annotations

from pathlib import Path

import pytest
from case_checks import differences
from case_language import CaseError, match_input_of, read_cases

from engine.matcher import match_payments

FILES = sorted(Path(__file__).parent.glob("*.txt"))
CASES = [case for path in FILES for case in read_cases(path)]


def _quiet(stage: str, row_count: int) -> None:
    """Nobody watches."""


@pytest.mark.parametrize("case", [pytest.param(case, id=case.title) for case in CASES])
def test_case(case):
    match_input = match_input_of(case)
    wrong = differences(case, match_input, match_payments(match_input, _quiet))
    if wrong:
        pytest.fail("\n".join([f"{case.place}: {case.title}", *wrong]), pytrace=False)


def test_every_title_stands_once():
    titles = [case.title for case in CASES]
    assert sorted(set(titles)) == sorted(titles)


def test_the_discount_grid_is_whole():
    wanted = {
        f"{when}, {what}, {size}"
        for when in ("In the discount period", "In grace", "Late")
        for what in ("gross", "net")
        for size in (
            "exact",
            *(
                f"{side} {how}"
                for side in ("under", "over")
                for how in ("within tolerance", "beyond tolerance")
            ),
        )
    }
    assert len(wanted) == 30
    assert wanted <= {case.title for case in CASES}


def test_the_tolerance_table_is_whole():
    amounts = ("1005.00", "1000.00", "995.00", "985.00", "980.00", "975.00")
    when = (
        "in time",
        "in grace, granted (A)",
        "in grace, not granted (B)",
        "late, disallowed",
        "late, unearned allowed",
    )
    wanted = {f"{amount} paid {how}" for amount in amounts for how in when}
    assert wanted <= {case.title for case in CASES}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("A case.\nopen item  INV-1 ACME USD 1.00\n", "begins no section"),
        ("A case.\nopen items  INV-1 ACME USD 1.00\n", "expects nothing"),
        (
            'A case.\npayments  P-1 ACME USD 1.00 2026-09-01 "" colour red\nexpect P-1 status x\n',
            "'colour' is none of",
        ),
        (
            "A case.\npayments  P-1 ACME USD 1.00 2026-09-01 check\nexpect P-1 status x\n",
            "check lacks its value",
        ),
        (
            "A case.\npayments  P-1 ACME USD 1.00 2026-09-01\nexpect P-1 mood good\n",
            "is no expectation",
        ),
        (
            "A case.\npayments  P-1 ACME USD 1.00 2026-09-01\nexpect INV-9 remains 1.00\n",
            "is about no payment",
        ),
    ],
)
def test_a_case_that_breaks_the_language_names_its_line(tmp_path, text, complaint):
    path = tmp_path / "broken.txt"
    path.write_text(text)
    with pytest.raises(CaseError, match=r"broken\.txt:\d+.*" + complaint):
        _run(path)


def _run(path):
    (case,) = read_cases(path)
    match_input = match_input_of(case)
    return differences(case, match_input, match_payments(match_input, _quiet))


@pytest.mark.parametrize(
    ("expectation", "complaint"),
    [
        ("P-1 → INV-1001 99.99 reference", "P-1 → expected INV-1001 99.99"),
        ("P-1 → INV-1001 100.00 single_amount", "got INV-1001 100.00 references"),
        ("P-1 status unapplied", "expected unapplied, got applied"),
        ("P-1 exception AMT-SHORT", "expected AMT-SHORT, got none"),
        ("P-1 also AMT-SHORT", "also: expected AMT-SHORT"),
        ("P-1 nothing applied", "nothing: expected applied"),
        ("P-1 ? INV-1001 100.00 rank 1", "no proposal"),
        ("P-1 customer nobody", "expected nobody, got ACME"),
        ("P-1 uniqueness ambiguous", "expected ambiguous, got not_searched"),
        ("P-1 reopens INV-1001 100.00", "reopens"),
        ("P-1 takes 100.00 for INV-1001", "takes"),
        ("INV-1001 remains 0.01\n            P-1 status applied", "expected 0.01, got 0.00"),
    ],
)
def test_a_wrong_expectation_is_seen(tmp_path, expectation, complaint):
    path = tmp_path / "wrong.txt"
    path.write_text(
        "A case.\n"
        "open items  INV-1001 ACME USD 100.00\n"
        'payments    P-1 ACME USD 100.00 2026-09-15 "INV-1001"\n'
        f"expect      {expectation}\n",
        "utf-8",
    )
    assert complaint in "\n".join(_run(path))


def test_a_payment_nobody_expects_anything_of_is_seen(tmp_path):
    path = tmp_path / "forgotten.txt"
    path.write_text(
        "A case.\n"
        "open items  INV-1001 ACME USD 100.00\n"
        'payments    P-1 ACME USD 100.00 2026-09-15 "INV-1001"\n'
        "expect      INV-1001 remains 0.00\n"
    )
    assert _run(path) == ["P-1: nothing is expected of it"]
