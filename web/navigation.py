"""Where one can go from every page."""

from __future__ import annotations

from typing import Final

import msgspec

from web.languages import marked as _

__all__ = ["NAVIGATION", "Place"]


class Place(msgspec.Struct, frozen=True):
    """A screen: its path, and its name in the source language."""

    path: str
    name: str


NAVIGATION: Final = (
    Place("/", _("Exceptions")),
    Place("/settings", _("Settings")),
)
"""The screens, in the order people use them; the current one begins as the page's path does."""
