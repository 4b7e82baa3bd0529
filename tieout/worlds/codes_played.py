"""Which scenario plays each exception code, and why a few are played by none."""

from __future__ import annotations

from typing import Final

__all__ = ["NOT_PLAYED", "SCENARIO_OF_CODE"]

SCENARIO_OF_CODE: Final = {
    "IN-FORMAT": "file_test_data",
    "IN-TOTAL": "file_total",
    "IN-DUPFILE": "file_again",
    "IN-DUPPAY": "paid_twice",
    "IN-SEQ": "file_correction",
    "IN-SIGN": "file_sign",
    "IN-DATE": "file_date",
    "IN-CCY": "file_currency",
    "IN-ACCT": "file_account",
    "IN-NONAR": "not_receivable",
    "RET-NSF": "returned_payment",
    "RET-RECALL": "recalled_payment",
    "RET-NOPAYMENT": "return_of_nothing",
    "RET-POSTED": "return_of_posted",
    "PAY-UNKNOWN": "unknown_payer",
    "PAY-AMBIG": "unknown_namesake",
    "PAY-CONFLICT": "name_conflict",
    "PAY-NEWACCT": "new_account",
    "PAY-THIRD": "third_party_ref",
    "PAY-CROSS": "pays_another",
    "PAY-INACTIVE": "payer_inactive",
    "REF-NONE": "says_nothing",
    "REF-NOTFOUND": "number_unknown",
    "REF-TYPO": "ref_digit_wrong",
    "REF-DUPNO": "number_twice",
    "REF-CLOSED": "repeat_of_paid",
    "REF-CANCELLED": "cancelled_invoice",
    "REF-TRUNC": "text_cut",
    "REF-WRONGCO": "other_company",
    "RMT-WAIT": "advice_later",
    "RMT-SUM": "advice_off",
    "RMT-PARTIAL": "advice_partly",
    "AMB-SINGLE": "ambiguous_single",
    "AMB-AMOUNTS": "ambiguous_amounts",
    "AMB-COMBO": "ambiguous_combination",
    "AMB-TOTAL": "ambiguous_total",
    "AMB-COMPETE": "two_want_one",
    "AMB-LIMIT": "says_nothing",
    "AMT-SHORT": "partial_ref",
    "AMT-OVER": "overpaid",
    "AMT-TOLERANCE": "tolerance_under",
    "AMT-BANKFEE": "bank_fee",
    "AMT-TAX": "tax_kept",
    "AMT-WHT": "withheld",
    "AMT-FX": "other_currency",
    "AMT-NOMATCH": "amount_infeasible",
    "AMT-LARGE": "amount_large",
    "DSC-LATE": "discount_late",
    "DSC-GRACE": "discount_grace",
    "DSC-EXCESS": "discount_excess",
    "DSC-TWICE": "discount_twice",
    "DED-CODED": "short_coded",
    "DED-UNCODED": "short_uncoded",
    "DED-PRIOR": "claimed_before",
    "DED-REPEAT": "short_again",
    "ITM-DISPUTED": "disputed_item",
    "ITM-LOCKED": "item_locked",
    "ITM-CHANGED": "item_changed",
    "ITM-INSTALL": "installment_unclear",
    "POL-APPROVAL": "write_off_beyond",
    "POL-LIMIT": "discount_beyond",
    "POL-HOLD": "customer_by_hand",
    "POL-CONFIDENCE": "amount_infeasible",
    "SYS-STALE": "items_stale",
}
"""Code → the scenario whose payments expect it, alone or beside others as true."""

NOT_PLAYED: Final = {
    "RMT-ORPHAN": "is of an advice without a payment, and worlds judge payments",
    "SYS-POSTFAIL": (
        "is reserved: an ERP refuses a posting after the run, and the posting says so with its "
        "reasons; no payment is matched otherwise for it"
    ),
}
"""Code → why no scenario plays it; what the engine raises of these has a case in `tests/cases/`."""
