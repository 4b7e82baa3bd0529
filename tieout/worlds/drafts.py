"""A payment while it is being made up: what the payer did, what the truth about it is."""

from __future__ import annotations

import msgspec

__all__ = ["Draft", "Line", "Truth"]


class Line(msgspec.Struct, frozen=True):
    """What the payer says about one reference; amounts in cents, `amount` None where unsaid.

    `kind`: `document`, `credit_memo`, `purchase_order` or `creditor_reference`.
    """

    reference: str
    amount: int | None = None
    discount: int = 0
    deduction: int = 0
    reason: str = ""
    kind: str = "document"


class Truth(msgspec.Struct, frozen=True):
    """What really belongs on one item (a row of the open items); cents."""

    row: int
    cash: int
    discount: int = 0
    deduction: int = 0
    write_off: int = 0
    reason: str = ""


class Draft(msgspec.Struct):
    """One payment and its truth.

    `company`, `customer` (whose account is settled) and `payer` (who pays) are indexes, −1 for
    nobody we know. `form` says how it may travel: `structured`, `text` or `any`. `expect` and
    `codes` are what a careful engine may do alone and the exception codes a clerk would accept.
    `identified` is false where nothing but a damaged name speaks for the payer; `by_amount` marks
    payments that nothing but their amount ties to the items. `damaged` is a document number as the
    payer wrote it where a digit of it is wrong or missing. A return is of a negative `amount`, and
    of the payment `original`, or of one nobody has (`original_reference`). `currency` is empty
    where it is the company's.
    """

    scenario: str
    company: int
    customer: int
    payer: int
    amount: int
    day: int
    expect: str = "auto"
    codes: str = ""
    form: str = "any"
    by_amount: bool = False
    truth: list[Truth] = []
    lines: list[Line] = []
    text: str = ""
    on_account: int = 0
    channel: str = ""
    payer_name: str = ""
    payer_account: str = ""
    type_code: str = ""
    damaged: str = ""
    identified: bool = True
    original: Draft | None = None
    original_reference: str = ""
    currency: str = ""
