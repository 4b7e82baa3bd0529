"""Refusals: why an act was not performed, with a stable reason; the table of all reasons."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["REFUSALS", "Refusal", "refuse"]

REFUSALS: Final = {
    "ACT_NOT_ALLOWED": "the case is in a state that does not allow the act",
    "ALREADY_REVERSED": "the line was taken back before, or takes back another one",
    "AUTHORITY_EXCEEDED": "the actor's roles do not allow the act, or not for that much",
    "COMPANY_OUT_OF_SCOPE": "the actor does not work for that company",
    "CURRENCY_MISMATCH": "the item is in another currency than the payment",
    "CUSTOMER_MISSING": "money on account needs the customer whose account it is",
    "DRAFT_IN_PROGRESS": "somebody's picks would be lost; decide, withdraw or drop them first",
    "ENTRY_MALFORMED": "an entry that says too little, too much, or twice the same",
    "FOUR_EYES": "who prepared it may not approve it",
    "ITEM_CLOSED": "the item is paid, cancelled or gone",
    "ITEM_OVERAPPLIED": "more would be taken than is open, or the sign would change",
    "ITEM_UNKNOWN": "no open item has that id",
    "LEASED": "somebody else works on the case",
    "LINE_UNDER_WAY": "the line is on its way to the ledger; wait for the answer",
    "NOTHING_TO_DECIDE": "there are no entries, no proposal and no draft",
    "NOTHING_TO_UNDO": "the act has nothing that could be taken back",
    "OVERSPENT": "more cash would be decided than is undecided, or of another sign",
    "PROPOSAL_UNKNOWN": "the payment has no proposal of that rank",
    "REASON_MISSING": "a difference, a rejection or a parked case needs a reason",
    "REASON_UNKNOWN": "the reason code is not in the table of reasons",
    "UNDECIDED_MONEY": "the case still has money to decide",
    "UNTIL_INVALID": "a parked case needs a moment in the future, or an event",
}
"""Reason → what it means."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an act was not performed: nothing has changed."""

    reason: str
    message: str
    metadata: dict[str, str] = {}


def refuse(reason: str, message: str, **metadata: object) -> Refusal:
    """A refusal for a `reason` of the table."""
    assert reason in REFUSALS, reason  # noqa: S101 - a reason nobody documented is our mistake
    return Refusal(
        reason=reason,
        message=message,
        metadata={name: str(value) for name, value in metadata.items()},
    )
