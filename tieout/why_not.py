"""Why a payment was not decided, or not on an item: near misses, accident, what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.errors import EngineError
from tieout.counterfactuals import WhatIf, what_ifs
from tieout.explanation import named_documents
from tieout.near_misses import NearMiss, near_misses
from tieout.reports.figures import odds
from tieout.run_inputs import input_of_payment

if TYPE_CHECKING:
    from tieout.explanation import ItemStory, PaymentStory
    from tieout.run_directory import RunDirectory

__all__ = ["WhyNot", "why_not"]

_WHOLE: Final = ("applied", "returned", "non_ar", "reversed")
_MILLION: Final = 1_000_000
_NOTHING: Final = "nothing that was tried would have it decided"


class WhyNot(msgspec.Struct, frozen=True, kw_only=True):
    """`accident` says how likely the best proposal fits by accident, empty where that is no matter;
    `remark` what is to say where nothing helps.
    """

    near_misses: list[NearMiss]
    accident: str
    what_ifs: list[WhatIf]
    remark: str


def why_not(run: RunDirectory, story: PaymentStory, item: ItemStory | None) -> WhyNot | None:
    """What kept the payment from being decided (or applied to `item`); None where nothing did."""
    wanted = None if item is None else [item.open_item_id]
    if wanted is None and (story.payment["status"] in _WHOLE or story.applied):
        return None
    if wanted is not None and any(row["open_item_id"] in wanted for row in story.applied):
        return None
    if story.payment["amount"].startswith("-"):
        return None
    given = input_of_payment(run, story)
    documents = given.open_items.strings("document_number")
    try:
        conditions = what_ifs(given, story, wanted)
    except EngineError as error:  # a payment no engine takes, such as one in an unknown currency
        return WhyNot(near_misses=[], accident="", what_ifs=[], remark=str(error))
    return WhyNot(
        near_misses=near_misses(given, story, named_documents(story, documents)),
        accident=_accident(story),
        what_ifs=conditions,
        remark="" if conditions else _NOTHING,
    )


def _accident(story: PaymentStory) -> str:
    """How doubtful the best proposal is, in words."""
    best = next((row for row in story.proposals if row["proposal_rank"] == 1), None)
    if best is None or not isinstance(best["evidence"], dict):
        return ""
    doubt = best["evidence"].get("doubt_per_million", 0) / _MILLION
    if best["uniqueness"] == "not_searched":
        return ""
    fits = best["evidence"].get("sets_that_fit", 1)
    others = f"{fits} sets of items fit" if fits > 1 else "it is the only set that was found"
    return f"the best proposal is wrong with a probability of {odds(doubt)}: {others}"
