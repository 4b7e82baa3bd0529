"""The table of exception codes: the contract's codes, in the contract's order, all explained."""

from __future__ import annotations

import pytest

from engine.exception_codes import CODES, EXCEPTION_CODES, code_number

CONTRACT = {
    "IN": "FORMAT TOTAL DUPFILE DUPPAY SEQ SIGN DATE CCY ACCT NONAR",
    "RET": "NSF RECALL NOPAYMENT POSTED",
    "PAY": "UNKNOWN AMBIG CONFLICT NEWACCT THIRD CROSS INACTIVE",
    "REF": "NONE NOTFOUND TYPO DUPNO CLOSED CANCELLED TRUNC WRONGCO",
    "RMT": "WAIT ORPHAN SUM PARTIAL",
    "AMB": "SINGLE AMOUNTS COMBO TOTAL COMPETE LIMIT",
    "AMT": "SHORT OVER TOLERANCE BANKFEE TAX WHT FX NOMATCH LARGE",
    "DSC": "LATE GRACE EXCESS TWICE",
    "DED": "CODED UNCODED PRIOR REPEAT",
    "ITM": "DISPUTED LOCKED CHANGED INSTALL",
    "POL": "APPROVAL LIMIT HOLD CONFIDENCE",
    "SYS": "STALE POSTFAIL",
}


def test_codes_and_their_order_are_the_contracts():
    expected = [f"{group}-{name}" for group, names in CONTRACT.items() for name in names.split()]
    assert list(EXCEPTION_CODES) == expected


def test_numbers_follow_the_order_and_zero_is_no_exception():
    assert CODES[0] == ""
    assert [code_number(code) for code in EXCEPTION_CODES] == list(range(1, len(CODES)))
    assert code_number("IN-TOTAL") < code_number("PAY-UNKNOWN") < code_number("AMT-SHORT")


def test_a_code_that_does_not_exist_has_no_number():
    with pytest.raises(ValueError, match="AMT-WRONG"):
        code_number("AMT-WRONG")


@pytest.mark.parametrize("code", EXCEPTION_CODES)
def test_every_code_says_what_happened_what_is_missing_what_to_do_and_an_example(code):
    entry = EXCEPTION_CODES[code]
    texts = (entry.trigger, entry.missing_fact, entry.suggested_action, entry.example)
    assert entry.code == code
    assert all(text and text == text.strip() for text in texts)
    assert not any(text.endswith(".") for text in texts)
    # Messages capitalise the first letter of the trigger: it must be a letter.
    assert entry.trigger[0].isalpha()
