"""Reasons people give: for differences, for parking, for closing. Codes are stable.

`x12` is the adjustment reason of X12 data element 426 that an EDI 820 carries for the same thing.
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = [
    "DEDUCTION_REASONS",
    "PARK_EVENTS",
    "RESOLUTIONS",
    "WRITE_OFF_REASONS",
    "ReasonCode",
]


class ReasonCode(msgspec.Struct, frozen=True):
    """A code, what it means, and X12's numbers for it."""

    code: str
    meaning: str
    x12: tuple[str, ...] = ()


def _table(*codes: ReasonCode) -> dict[str, ReasonCode]:
    return {one.code: one for one in codes}


DEDUCTION_REASONS: Final = _table(
    ReasonCode("pricing", "the price is not the agreed one", ("01",)),
    ReasonCode("damaged", "goods arrived damaged", ("04",)),
    ReasonCode("quantity", "another quantity arrived than was billed", ("06",)),
    ReasonCode("returned", "goods were sent back", ("11", "12", "13", "14", "15")),
    ReasonCode("duplicate_billing", "the same delivery was billed twice", ("19",)),
    ReasonCode("discount_incorrect", "the invoice grants another discount than agreed", ("24",)),
    ReasonCode("discount_missing", "a discount that was agreed is missing", ("43",)),
    ReasonCode("earlier_overpayment", "an earlier overpayment is set off", ("52",)),
    ReasonCode("earlier_underpayment", "an earlier underpayment is made good", ("53",)),
    ReasonCode("freight", "freight is not the customer's to pay", ("54",)),
    ReasonCode("tax", "tax is wrong, or not owed", ("55",)),
    ReasonCode("advertising", "advertising allowance", ("56",)),
    ReasonCode("volume", "volume discount", ("57",)),
    ReasonCode("not_received", "the goods never arrived", ("59",)),
    ReasonCode("no_open_item", "the customer has no such invoice on its books", ("60",)),
    ReasonCode("withholding_tax", "tax withheld by law; a certificate follows"),
    ReasonCode("bank_charge", "a bank took its fee out of the payment"),
    ReasonCode("penalty", "a contractual penalty, such as for late delivery"),
    ReasonCode("quality", "the goods are not as agreed"),
    ReasonCode("promotion", "a promotion the customer ran"),
    ReasonCode("unknown", "the customer gave no reason"),
)
"""Why a payer withheld an amount."""

WRITE_OFF_REASONS: Final = _table(
    ReasonCode("small_difference", "too small to ask about"),
    ReasonCode("rounding", "rounding of the payer's system"),
    ReasonCode("bank_charge", "a bank's fee we bear"),
    ReasonCode("exchange_difference", "the rate of another day"),
    ReasonCode("goodwill", "given for the sake of the customer"),
    ReasonCode("uncollectable", "not to be had any more"),
    ReasonCode("tax_rounding", "tax computed per line and per document differs"),
)
"""Why a difference is closed without asking for it."""

PARK_EVENTS: Final = _table(
    ReasonCode("advice", "a remittance advice arrives"),
    ReasonCode("open_item", "an open item arrives or changes"),
    ReasonCode("customer", "the customer answers"),
    ReasonCode("sales", "sales answers"),
    ReasonCode("bank", "the bank answers"),
    ReasonCode("fact", "a fact about the payer is learned"),
)
"""What a parked case may wait for."""

RESOLUTIONS: Final = _table(
    ReasonCode("nothing_to_do", "looked at; it is as it should be"),
    ReasonCode("duplicate", "the same money or file again"),
    ReasonCode("handled_elsewhere", "done in another system"),
    ReasonCode("corrected_at_source", "the bank or the payer has sent it anew"),
    ReasonCode("agreed_with_customer", "the customer and we agree"),
    ReasonCode("not_ours", "nothing of ours"),
)
"""How a case without undecided money ends."""
