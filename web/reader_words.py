"""What readers of bank files checked, in the reader's language: few words, known by heart.

Scopes and rules are made of these words and of names and numbers of the file, which stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from web.languages import marked as _

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CHECK_KINDS", "CHECK_WORDS", "check_said"]

CHECK_KINDS: Final = {
    "balance": _("balance"),
    "count": _("count"),
    "creditor_reference": _("check digit of a reference"),
    "credits": _("credits"),
    "quantity": _("quantity"),
    "records": _("records"),
    "segments": _("segments"),
    "sequence": _("sequence"),
    "sum": _("sum"),
}
"""What was compared."""

CHECK_WORDS: Final = (
    _("opens with the closing balance of the statement before"),
    _("lines below the floor limit not listed"),
    _("follows its predecessor in the file"),
    _("lines without an amount"),
    _("of the statement before"),
    _("an unnamed account"),
    _("no details given"),
    _("transaction set"),
    _("statement lines"),
    _("booked entries"),
    _("payment order"),
    _("interchange"),
    _("statement"),
    _("account"),
    _("at line"),
    _("lockbox"),
    _("deposit"),
    _("batch"),
    _("entry"),
    _("group"),
    _("file"),
    _("of"),
)
"""What scopes and rules are made of, the longest first."""

_WORDS: Final = re.compile(rf"(?<![\w-])({'|'.join(CHECK_WORDS)})(?![\w-])")


def check_said(text: str, translate: Callable[[str], str]) -> str:
    """A scope or a rule as `translate` words it; what it does not know stays."""
    return _WORDS.sub(lambda found: translate(found[1]), text)
