"""Words on screens for what the contract only has codes for. The source is English."""

from __future__ import annotations

from typing import Final

import msgspec

from web.languages import marked as _

__all__ = ["WORDING", "Wording"]


class Wording(msgspec.Struct, frozen=True):
    """Code → words, kind by kind."""

    states: dict[str, str]
    codes: dict[str, str]
    acts: dict[str, str]
    deliveries: dict[str, str]
    powers: dict[str, str]
    deduction_reasons: dict[str, str]
    write_off_reasons: dict[str, str]
    events: dict[str, str]
    resolutions: dict[str, str]
    kinds: dict[str, str]
    facets: dict[str, str]
    item_states: dict[str, str]
    fact_kinds: dict[str, str]
    roles: dict[str, str]
    evidence: dict[str, str]
    uniqueness: dict[str, str]
    file_states: dict[str, str]
    severities: dict[str, str]
    customer_states: dict[str, str]
    document_types: dict[str, str]
    payment_states: dict[str, str]
    audit_kinds: dict[str, str]
    forecast_methods: dict[str, str]


_STATES: Final = {
    "new": _("new"),
    "open": _("open"),
    "in_work": _("in work"),
    "proposed": _("held back"),
    "pending_approval": _("waits for approval"),
    "approved": _("decided"),
    "posting": _("being posted"),
    "posted": _("posted"),
    "confirmed": _("confirmed"),
    "parked": _("parked"),
    "escalated": _("escalated"),
    "rejected": _("sent back"),
    "post_failed": _("refused by the ledger"),
    "reversed": _("reversed"),
}

_CODES: Final = {
    "IN-FORMAT": _("Row not readable"),
    "IN-TOTAL": _("Control totals do not foot"),
    "IN-DUPFILE": _("Same file again"),
    "IN-DUPPAY": _("Same payment twice"),
    "IN-SEQ": _("Statement out of sequence"),
    "IN-SIGN": _("Direction and sign disagree"),
    "IN-DATE": _("Value date out of range"),
    "IN-CCY": _("Currency unknown"),
    "IN-ACCT": _("Bank account unknown"),
    "IN-NONAR": _("No customer's payment"),
    "RET-NSF": _("Came back unpaid"),
    "RET-RECALL": _("Recall by the bank"),
    "RET-NOPAYMENT": _("Return without its payment"),
    "RET-POSTED": _("Return of a posted payment"),
    "PAY-UNKNOWN": _("Payer unknown"),
    "PAY-AMBIG": _("Several payers fit"),
    "PAY-CONFLICT": _("Two payers named"),
    "PAY-NEWACCT": _("New bank account"),
    "PAY-THIRD": _("Paid by a third party"),
    "PAY-CROSS": _("Items of several customers"),
    "PAY-INACTIVE": _("Customer inactive"),
    "REF-NONE": _("No reference"),
    "REF-NOTFOUND": _("Reference not found"),
    "REF-TYPO": _("Reference damaged"),
    "REF-DUPNO": _("Number exists twice"),
    "REF-CLOSED": _("Item already paid"),
    "REF-CANCELLED": _("Document cancelled"),
    "REF-TRUNC": _("Reference cut off"),
    "REF-WRONGCO": _("Item of another company"),
    "RMT-WAIT": _("Waits for its advice"),
    "RMT-ORPHAN": _("Advice without cash"),
    "RMT-SUM": _("Advice does not add up"),
    "RMT-PARTIAL": _("Advice partly usable"),
    "AMB-SINGLE": _("Several items fit"),
    "AMB-AMOUNTS": _("Equal items, any fits"),
    "AMB-COMBO": _("Several combinations fit"),
    "AMB-TOTAL": _("Several totals fit"),
    "AMB-COMPETE": _("Payments compete"),
    "AMB-LIMIT": _("Not proven unique"),
    "AMT-SHORT": _("Paid too little"),
    "AMT-OVER": _("Paid too much"),
    "AMT-TOLERANCE": _("Small difference"),
    "AMT-BANKFEE": _("Looks like a bank fee"),
    "AMT-TAX": _("Looks like tax"),
    "AMT-WHT": _("Looks like withholding tax"),
    "AMT-FX": _("Exchange difference"),
    "AMT-NOMATCH": _("No item has this amount"),
    "AMT-LARGE": _("Above the automatic limit"),
    "DSC-LATE": _("Discount taken late"),
    "DSC-GRACE": _("Discount in grace"),
    "DSC-EXCESS": _("Too much discount"),
    "DSC-TWICE": _("Discount taken twice"),
    "DED-CODED": _("Deduction with a reason"),
    "DED-UNCODED": _("Deduction without a reason"),
    "DED-PRIOR": _("Equals an earlier claim"),
    "DED-REPEAT": _("Deducts again and again"),
    "ITM-DISPUTED": _("Item in dispute"),
    "ITM-LOCKED": _("Item blocked"),
    "ITM-CHANGED": _("Open amount changed"),
    "ITM-INSTALL": _("Installment unclear"),
    "POL-APPROVAL": _("Needs approval"),
    "POL-LIMIT": _("Beyond authority"),
    "POL-HOLD": _("Handled by hand"),
    "POL-CONFIDENCE": _("Evidence too weak"),
    "SYS-STALE": _("Open items too old"),
    "SYS-POSTFAIL": _("Ledger refused"),
}

_ACTS: Final = {
    "claim": _("took it"),
    "release": _("let go of it"),
    "take_over": _("took it over"),
    "assign": _("assigned it"),
    "park": _("parked it"),
    "wake": _("brought it back"),
    "escalate": _("escalated it"),
    "note": _("noted"),
    "identify": _("said who paid"),
    "prepare": _("picked"),
    "decide": _("decided"),
    "approve": _("approved"),
    "reject": _("sent it back"),
    "withdraw": _("withdrew it"),
    "undo": _("took back"),
    "deliver": _("heard from the ledger"),
    "attach_remittance": _("attached an advice"),
    "repropose": _("found new proposals"),
    "resolve": _("closed it"),
}

_DELIVERIES: Final = {
    "none": _("not sent yet"),
    "posting": _("being posted"),
    "posted": _("posted"),
    "confirmed": _("confirmed"),
    "failed": _("refused by the ledger"),
    "cancelled": _("cancelled before it was sent"),
    "local": _("kept here"),
}

_POWERS: Final = {
    "apply": _("application"),
    "write_off": _("write-off"),
    "late_discount": _("late discount"),
    "deduction": _("deduction"),
    "on_account": _("on account"),
    "non_ar": _("not a receivable"),
    "refund": _("refund"),
    "cross_customer": _("items of several customers"),
    "cross_company": _("items of several companies"),
    "override_confidence": _("a doubtful suggestion"),
    "release_hold": _("a held file"),
    "undo_posted": _("reversal of what was posted"),
    "learn_fact": _("a fact that reaches far"),
}

_DEDUCTIONS: Final = {
    "pricing": _("Price not as agreed"),
    "damaged": _("Goods damaged"),
    "quantity": _("Quantity differs"),
    "returned": _("Goods returned"),
    "duplicate_billing": _("Billed twice"),
    "discount_incorrect": _("Discount incorrect"),
    "discount_missing": _("Discount missing"),
    "earlier_overpayment": _("Overpaid earlier"),
    "earlier_underpayment": _("Underpaid earlier"),
    "freight": _("Freight"),
    "tax": _("Tax"),
    "advertising": _("Advertising allowance"),
    "volume": _("Volume discount"),
    "not_received": _("Not received"),
    "no_open_item": _("No such invoice"),
    "withholding_tax": _("Withholding tax"),
    "bank_charge": _("Bank charge"),
    "penalty": _("Penalty"),
    "quality": _("Quality"),
    "promotion": _("Promotion"),
    "unknown": _("Unknown reason"),
}

_WRITE_OFFS: Final = {
    "small_difference": _("Small difference"),
    "rounding": _("Rounding"),
    "bank_charge": _("Bank charge"),
    "exchange_difference": _("Exchange difference"),
    "goodwill": _("Goodwill"),
    "uncollectable": _("Uncollectable"),
    "tax_rounding": _("Tax rounding"),
}

_EVENTS: Final = {
    "advice": _("an advice"),
    "open_item": _("an open item"),
    "customer": _("the customer's answer"),
    "sales": _("an answer from sales"),
    "bank": _("an answer from the bank"),
    "fact": _("a fact about the payer"),
}

_RESOLUTIONS: Final = {
    "nothing_to_do": _("It is as it should be"),
    "duplicate": _("The same money or file again"),
    "handled_elsewhere": _("Done in another system"),
    "corrected_at_source": _("Sent anew by bank or payer"),
    "agreed_with_customer": _("Agreed with the customer"),
    "not_ours": _("Nothing of ours"),
}

_KINDS: Final = {
    "item": _("open item"),
    "on_account": _("on account"),
    "refund": _("refund"),
    "non_ar": _("not a receivable"),
    "returned": _("taken back by the bank"),
    "fact": _("learned"),
}

_FACETS: Final = {
    "state": _("State"),
    "code": _("Reason"),
    "company_id": _("Company"),
    "bank_account": _("Bank account"),
    "currency": _("Currency"),
    "age": _("Age"),
    "amount": _("Amount"),
    "assignee": _("Assignee"),
    "customer_id": _("Customer"),
    "file_id": _("File"),
}

_ITEM_STATES: Final = {
    "open": _("open"),
    "disputed": _("in dispute"),
    "blocked": _("blocked"),
    "paid": _("paid"),
    "cancelled": _("cancelled"),
}

_FACT_KINDS: Final = {
    "alias": _("name"),
    "payer_account": _("bank account"),
    "pays_for": _("pays for"),
    "not_alias": _("name that is not theirs"),
    "not_account": _("account that is not theirs"),
}

_ROLES: Final = {
    "submitter": _("sends bank files"),
    "viewer": _("may look"),
    "clerk": _("clerk"),
    "approver": _("approver"),
    "admin": _("admin"),
    "auditor": _("auditor"),
}

_EVIDENCE: Final = {
    "bank_account": _("bank account"),
    "alias": _("learned name"),
    "name": _("name"),
    "reference": _("number written"),
    "customer_number": _("customer number"),
    "learned_account": _("learned account"),
    "amount": _("amount alone"),
}

_UNIQUENESS: Final = {
    "unique_set": _("nothing else fits"),
    "unique_amounts": _("only equal amounts fit"),
    "ambiguous": _("other sets fit as well"),
    "not_proven": _("not proven unique"),
    "not_searched": _("the numbers decide"),
}

_FILE_STATES: Final = {"processed": _("processed"), "held": _("held")}

_SEVERITIES: Final = {
    "error": _("rows were lost"),
    "warning": _("rows are doubted"),
    "note": _("worth knowing"),
}

_CUSTOMER_STATES: Final = {
    "active": _("active"),
    "inactive": _("inactive"),
    "blocked": _("blocked"),
}

_DOCUMENT_TYPES: Final = {
    "": _("invoice"),
    "invoice": _("invoice"),
    "debit_memo": _("debit memo"),
    "credit_memo": _("credit memo"),
    "on_account": _("on account"),
    "finance_charge": _("finance charge"),
}

_PAYMENT_STATES: Final = {
    "applied": _("applied"),
    "partially_applied": _("partly applied"),
    "on_account": _("on account"),
    "unapplied": _("unapplied"),
    "unidentified": _("unidentified"),
    "suspense": _("in suspense"),
    "non_ar": _("not a receivable"),
    "returned": _("returned"),
    "reversed": _("reversed"),
    "refund_due": _("to be refunded"),
}

_AUDIT_KINDS: Final = {
    "bank_file": _("bank file"),
    "case": _("exception"),
    "user": _("user"),
    "due_rules": _("due dates"),
    "fact_expiry": _("rule or alias: last day"),
    "open_items": _("open items"),
    "customers": _("customers"),
    "open_item": _("open items"),
    "customer": _("customers"),
    "result": _("result of a match"),
    "posting_halt": _("posting halted"),
    "posting_resumed": _("posting resumed"),
    "purge": _("contents deleted after their time"),
    "customer_erased": _("customer erased"),
    "webhook_added": _("webhook added"),
    "webhook_enabled": _("webhook switched on"),
    "webhook_deleted": _("webhook deleted"),
    "webhook_disabled": _("webhook switched off"),
    "webhook_pinged": _("webhook tried"),
    "webhook_secret_rotated": _("webhook's secret replaced"),
    "webhook_resent": _("messages sent again"),
}

_FORECAST_METHODS: Final = {
    "own habits": _("the dates shown here"),
    "due date": _("the due date"),
    "due date and everybody's median delay": _("due date and everybody's usual delay"),
    "due date and the customer's mean delay": _("due date and the customer's mean delay"),
}

WORDING: Final = Wording(
    states=_STATES,
    codes=_CODES,
    acts=_ACTS,
    deliveries=_DELIVERIES,
    powers=_POWERS,
    deduction_reasons=_DEDUCTIONS,
    write_off_reasons=_WRITE_OFFS,
    events=_EVENTS,
    resolutions=_RESOLUTIONS,
    kinds=_KINDS,
    facets=_FACETS,
    item_states=_ITEM_STATES,
    fact_kinds=_FACT_KINDS,
    roles=_ROLES,
    evidence=_EVIDENCE,
    uniqueness=_UNIQUENESS,
    file_states=_FILE_STATES,
    severities=_SEVERITIES,
    customer_states=_CUSTOMER_STATES,
    document_types=_DOCUMENT_TYPES,
    payment_states=_PAYMENT_STATES,
    audit_kinds=_AUDIT_KINDS,
    forecast_methods=_FORECAST_METHODS,
)
"""Every kind. A test holds the codes against the contract's."""
