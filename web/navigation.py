"""Where one can go from every page."""

from __future__ import annotations

from typing import Final

import msgspec

from web.languages import marked as _

__all__ = ["NAVIGATION", "Place", "places_for"]


class Place(msgspec.Struct, frozen=True):
    """A screen: its path, its name in the source language, and the permission it needs."""

    path: str
    name: str
    permission: str = "read"


NAVIGATION: Final = (
    Place("/", _("Exceptions")),
    Place("/approvals", _("Approvals")),
    Place("/files", _("Files")),
    Place("/runs", _("Runs"), "read_files"),
    Place("/postings", _("Postings")),
    Place("/customers", _("Customers")),
    Place("/rules", _("Rules")),
    Place("/team", _("Team")),
    Place("/figures", _("Figures")),
    Place("/audit", _("Audit"), "audit"),
    Place("/people", _("People"), "administer"),
    Place("/webhooks", _("Webhooks"), "administer"),
    Place("/settings", _("Settings"), "own"),
)
"""The screens, in the order people use them; the current one begins as the page's path does."""


def places_for(permissions: frozenset[str]) -> tuple[Place, ...]:
    """Where somebody with `permissions` is shown the way to."""
    return tuple(place for place in NAVIGATION if place.permission in permissions)
