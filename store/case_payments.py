"""What a queue shows of the payments of its cases: a few columns of the rows of a page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import pyarrow as pa

from engine.batches import PaymentBatch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.case_records import CaseSummary
    from store.database import Database
    from store.personal_data import PersonalData

__all__ = ["ListedPayment", "listed_payments"]

_COLUMNS: Final = ("payment_id", "payer_name", "bank_account", "value_date")
_SCHEMA: Final = pa.schema([PaymentBatch.SCHEMA.field(name) for name in _COLUMNS])


class ListedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as a list shows it; 0.0 where nothing is proposed, no day where none is known."""

    payer_name: str
    bank_account: str
    value_date: str
    first_confidence: float


def listed_payments(
    database: Database, personal: PersonalData, summaries: Sequence[CaseSummary]
) -> dict[str, ListedPayment]:
    """Payment → what is shown of it, of those of `summaries`; raises `SealBrokenError`."""
    identities = [one.payment_id for one in summaries if one.payment_id]
    if not identities:
        return {}
    marks = ", ".join("?" * len(identities))
    rows = database.read_table(
        f"SELECT {', '.join(_COLUMNS)} FROM payment WHERE payment_id IN ({marks})",  # noqa: S608 - names of ours
        _SCHEMA,
        *identities,
    )
    confidences = dict(
        database.rows(
            "SELECT payment_id, max(confidence) FROM application "  # noqa: S608 - marks alone
            f"WHERE payment_id IN ({marks}) AND decision = 'proposed' AND proposal_rank = 1 "
            "GROUP BY payment_id",
            *identities,
        )
    )
    ids, payers, accounts, days = (rows[name].to_pylist() for name in _COLUMNS)
    payers = personal.opened_texts(payers, [f"payment.payer_name/{one}" for one in ids])
    return {
        payment: ListedPayment(
            payer_name=payer,
            bank_account=account,
            value_date=day.isoformat() if day else "",
            first_confidence=float(confidences.get(payment, 0.0)),
        )
        for payment, payer, account, day in zip(ids, payers, accounts, days, strict=True)
    }
