"""The adapters there are: name, what it is for, and its three functions."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

import msgspec

from adapters import (
    business_central,
    dynamics_finance,
    erpnext,
    journal,
    netsuite,
    odoo,
    oracle_fusion,
    quickbooks,
    sap,
    sap_advice,
    xero,
)
from adapters.errors import AccountsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from adapters.accounts import Determination
    from adapters.documents import Document
    from adapters.postings import Posting, Reversal

__all__ = ["ADAPTERS", "Adapter", "adapter_of", "template"]


class Adapter(msgspec.Struct, frozen=True, kw_only=True):
    """One ERP: `post` and `reverse` give documents, `files` the tables it imports."""

    name: str
    title: str
    posts: str
    post: Callable[[Posting, Determination], tuple[Document, ...]]
    reverse: Callable[[Reversal, Determination], tuple[Document, ...]]
    files: Callable[[tuple[Document, ...]], dict[str, bytes]]


def _adapter(name: str, title: str, posts: str, module: object) -> Adapter:
    parts = {part: getattr(module, part) for part in ("post", "reverse", "files")}
    return Adapter(name=name, title=title, posts=posts, **parts)


ADAPTERS: Final[dict[str, Adapter]] = {
    one.name: one
    for one in (
        _adapter(
            "sap",
            "SAP ECC, S/4HANA on premise",
            "clearing documents: FTPOST and FTCLEAR for POSTING_INTERFACE_CLEARING",
            sap,
        ),
        _adapter(
            "sap_advice",
            "SAP, its own clearing",
            "payment advice: AVIK and AVIP",
            sap_advice,
        ),
        _adapter(
            "oracle_fusion",
            "Oracle Fusion Receivables",
            "standard receipts with remittance references, debit memos (REST)",
            oracle_fusion,
        ),
        _adapter(
            "netsuite", "NetSuite", "customer payments, journal entries (REST records)", netsuite
        ),
        _adapter(
            "dynamics_finance",
            "Dynamics 365 Finance",
            "customer payment journals with settled invoices (data entities)",
            dynamics_finance,
        ),
        _adapter(
            "business_central",
            "Business Central",
            "lines of customer payment journals (API v2.0)",
            business_central,
        ),
        _adapter("odoo", "Odoo 19", "journal entries, reconciled item by item (JSON-2)", odoo),
        _adapter("erpnext", "ERPNext", "payment entries, journal entries (REST)", erpnext),
        _adapter("quickbooks", "QuickBooks Online", "payments, journal entries (v3)", quickbooks),
        _adapter("xero", "Xero", "batch payments, credit notes (2.0)", xero),
        _adapter("journal", "any ledger", "a balanced general journal (CSV)", journal),
    )
}
"""Adapter by name, in the order they are listed."""


def adapter_of(name: str) -> Adapter:
    """The adapter `name`; raises `AccountsError` that lists those there are."""
    if name not in ADAPTERS:
        message = f"no adapter is called {name!r}; there are {', '.join(ADAPTERS)}"
        raise AccountsError(message)
    return ADAPTERS[name]


def template(name: str) -> str:
    """Account determination to begin with, for the adapter `name`: TOML with comments."""
    adapter_of(name)
    return resources.files("adapters").joinpath("templates", f"{name}.toml").read_text("utf-8")
