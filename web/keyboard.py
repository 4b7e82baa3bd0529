"""Keys of the workbench: which key does what, and where. One table for help, script and settings.

A key without a modifier works where a person allows it and no field is being typed in; each can be
given another one. What a browser uses itself (`Ctrl` with P, B, S, T, W; F5) is never taken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from web.languages import marked as _

if TYPE_CHECKING:
    from web.preferences import Preferences

__all__ = ["KEYS", "Key", "key_map", "keys_of"]


class Key(msgspec.Struct, frozen=True):
    """A key and what it does; `act` is the word the page and the script know it by."""

    act: str
    key: str
    says: str
    place: str


_ANYWHERE, _QUEUE, _CASE = _("Everywhere"), _("Queue"), _("Exception")

KEYS: Final = (
    Key("next", "j", _("Next"), _ANYWHERE),
    Key("previous", "k", _("Previous"), _ANYWHERE),
    Key("search", "/", _("Search"), _ANYWHERE),
    Key("palette", "Control+k", _("Go to or do anything"), _ANYWHERE),
    Key("pane_next", "F6", _("Next pane"), _ANYWHERE),
    Key("pane_previous", "Shift+F6", _("Previous pane"), _ANYWHERE),
    Key("submit", "Control+Enter", _("Submit what is being filled in"), _ANYWHERE),
    Key("back", "Escape", _("Close, or go back"), _ANYWHERE),
    Key("help", "?", _("Show the keys"), _ANYWHERE),
    Key("select", "x", _("Select the row"), _QUEUE),
    Key("select_next", "J", _("Select and go on"), _QUEUE),
    Key("select_previous", "K", _("Select and go back"), _QUEUE),
    Key("bulk", "b", _("Act on what is selected"), _QUEUE),
    Key("mine", "m", _("Mine only, or make it mine"), _ANYWHERE),
    Key("accept", "a", _("Accept"), _CASE),
    Key("write_off", "e", _("Write the difference off"), _CASE),
    Key("deduction", "d", _("Difference is a deduction"), _CASE),
    Key("discount", "g", _("Grant the difference as discount"), _CASE),
    Key("on_account", "o", _("Put the rest on account"), _CASE),
    Key("part", "p", _("Pay a part: change the amount"), _CASE),
    Key("payer", "+", _("Add or change the payer"), _CASE),
    Key("refund", "r", _("Ask for a refund"), _CASE),
    Key("non_ar", "z", _("Not a receivable"), _CASE),
    Key("paste", "i", _("Paste invoice numbers"), _CASE),
    Key("park", "s", _("Park"), _CASE),
    Key("note", "n", _("Write a note"), _CASE),
    Key("mention", "@", _("Mention somebody in a note"), _CASE),
    Key("assign", "t", _("Assign"), _CASE),
    Key("escalate", "!", _("Escalate"), _CASE),
    Key("learn", "l", _("Learn a name or an account"), _CASE),
    Key("why", "w", _("Why not this invoice?"), _CASE),
    Key("evidence", "v", _("See the bank's bytes"), _CASE),
    Key("undo", "u", _("Undo the last act"), _CASE),
    Key("history", "Control+z", _("Show what was done"), _CASE),
)
"""Every key, in the order help shows them. Digits choose a suggestion, Space toggles an item."""


def keys_of(preferences: Preferences) -> tuple[Key, ...]:
    """The keys as a person has them: their own where they chose one."""
    return tuple(
        msgspec.structs.replace(one, key=preferences.keys.get(one.act) or one.key) for one in KEYS
    )


def key_map(preferences: Preferences) -> dict[str, str]:
    """Key → act, for the script; without single keys where they are turned off."""
    return {
        one.key: one.act
        for one in keys_of(preferences)
        if preferences.single_keys or len(one.key) > 1
    }
