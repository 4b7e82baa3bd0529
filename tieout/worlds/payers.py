"""How a payer shows up on a statement: its name as somebody typed it, its account or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tieout.worlds.names import abbreviate, clip, transliterate, typo

if TYPE_CHECKING:
    from tieout.worlds.drafts import Draft
    from tieout.worlds.names import CompanyName
    from tieout.worlds.planner import Planner

__all__ = ["LOCKBOX_NAME_LENGTH", "dress_payer"]

LOCKBOX_NAME_LENGTH: Final = 28
"""Characters a lockbox file keeps of the remitter's name."""

_NAME_STYLES: Final = {
    "none": {"full": 1.0},
    "light": {
        "full": 0.34,
        "capitals": 0.24,
        "no_form": 0.24,
        "abbreviated": 0.05,
        "clipped": 0.05,
        "typo": 0.06,
        "missing": 0.02,
    },
    "heavy": {
        "full": 0.18,
        "capitals": 0.17,
        "no_form": 0.2,
        "abbreviated": 0.12,
        "clipped": 0.12,
        "typo": 0.17,
        "missing": 0.04,
    },
}
_ACCOUNT_SHOWN: Final = {"none": 1.0, "light": 0.75, "heavy": 0.45}
_UNLISTED_SHOWN: Final = 0.35
_SURE_STYLES: Final = ("full", "capitals", "alias")


def dress_payer(plan: Planner, draft: Draft) -> None:
    """Give `draft` the payer's name and account as the bank shows them, and say if they suffice.

    Payers that are no customers keep what their scenario gave them. A lockbox file clips names and
    has no room for free text.
    """
    if draft.payer >= 0:
        _show_customer(plan, draft)
    if draft.channel == "lockbox":
        if len(draft.payer_name) > LOCKBOX_NAME_LENGTH and not _shows_listed_account(plan, draft):
            draft.identified = False
        draft.payer_name = clip(draft.payer_name, LOCKBOX_NAME_LENGTH)
        draft.text = ""


def _shows_listed_account(plan: Planner, draft: Draft) -> bool:
    listed = plan.customers.account[draft.payer] if draft.payer >= 0 else ""
    return listed != "" and draft.payer_account == listed


def _show_customer(plan: Planner, draft: Draft) -> None:
    dice, book, payer = plan.dice, plan.customers, draft.payer
    damage = plan.spec.damage
    if book.account[payer] and dice.chance(_ACCOUNT_SHOWN[damage]):
        draft.payer_account = book.account[payer]
    elif damage != "none" and dice.chance(_UNLISTED_SHOWN):
        draft.payer_account = book.unlisted[payer]
    style = dice.weighted(_NAME_STYLES[damage])
    if book.alias[payer] and damage != "none" and dice.chance(0.5):
        style = "alias"
    draft.payer_name = _written(plan, book.name[payer], style, book.alias[payer])
    draft.identified = (
        _shows_listed_account(plan, draft)
        or draft.scenario == "customer_number"
        or style in _SURE_STYLES
        or (style == "no_form" and not book.has_namesake[payer])
    )


def _written(plan: Planner, name: CompanyName, style: str, alias: str) -> str:
    dice = plan.dice
    if style == "missing":
        return ""
    shown = {
        "no_form": name.core,
        "abbreviated": abbreviate(name.full),
        "alias": alias,
        "typo": typo(dice, name.full),
        "clipped": clip(name.full, dice.pick((16, 20, 24))),
    }.get(style, name.full)
    if style == "capitals" or (style in ("no_form", "alias", "typo") and dice.chance(0.5)):
        shown = shown.upper()
    return transliterate(dice, shown) if plan.spec.damage != "none" and dice.chance(0.6) else shown
