"""How long things are kept, and what is done when their time is over.

Receipts, decisions and their audit stay for ever; a period of 0 days is for ever as well.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from store.key_scopes import ANSWERS, RUNS, file_scope

if TYPE_CHECKING:
    from store.repository import Booking, Repository

__all__ = ["Retention", "purge", "sweep"]

_DAY_MS: Final = 24 * 3600 * 1000
_SWEEPER: Final = "retention"
"""Who purges by the settings, for the audit."""

_Days = Annotated[int, msgspec.Meta(ge=0)]
_ANSWERS_DAYS_MIN: Final = 35
"""Callers may ask for a first answer again for a month, and the days around its end."""

_DELIVERIES_DAYS_MIN: Final = 4
"""Until then a message may still be tried again."""


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Days that each kind of thing is kept; 0: for ever.

    `contents` are the bytes of bank files, `personal` the keys of customers' data of whole years,
    and of customers who are gone, `answers` first answers to request ids, `deliveries` messages to
    webhooks that ended, `runs` runs that ended.
    """

    contents_days: _Days = 0
    personal_days: _Days = 0
    answers_days: _Days = 0
    events_days: _Days = 0
    deliveries_days: _Days = 0
    runs_days: _Days = 90

    @property
    def wrong(self) -> str:
        """What is wrong with the periods, in words; empty where nothing is."""
        for name, days, least in (
            ("answers_days", self.answers_days, _ANSWERS_DAYS_MIN),
            ("deliveries_days", self.deliveries_days, _DELIVERIES_DAYS_MIN),
        ):
            if 0 < days < least:
                return f"{name} is {days}, expected 0 (for ever) or at least {least}"
        return ""


def purge(booking: Booking, periods: Retention, now_ms: int, actor: str) -> dict[str, int]:
    """Delete what is older than its period and give how many of each kind, told and audited."""
    counts = _purged(booking, periods, now_ms)
    told = {name: str(count) for name, count in counts.items()}
    booking.events.add("content.purged", "store", now_ms, dict(counts))
    booking.audit.record("purge", "store", actor=actor, recorded_at_ms=now_ms, facts=told)
    return counts


def sweep(repository: Repository, periods: Retention, now_ms: int) -> dict[str, int]:
    """Purge by the settings, each kind in a booking of its own; says so where something was."""
    counts: dict[str, int] = {}
    for name, days in msgspec.structs.asdict(periods).items():
        if not days:
            continue
        only = msgspec.structs.replace(_NOTHING, **{name: days})
        with repository.booking() as booking:
            found = {kind: count for kind, count in _purged(booking, only, now_ms).items() if count}
            if found:
                told = {kind: str(count) for kind, count in found.items()}
                booking.events.add("content.purged", "store", now_ms, dict(found))
                booking.audit.record(
                    "purge", "store", actor=_SWEEPER, recorded_at_ms=now_ms, facts=told
                )
        counts |= found
    return counts


_NOTHING: Final = Retention(runs_days=0)


def _purged(booking: Booking, periods: Retention, now_ms: int) -> dict[str, int]:
    before = {
        name.removesuffix("_days"): now_ms - days * _DAY_MS
        for name, days in msgspec.structs.asdict(periods).items()
        if days
    }
    counts = {}
    if "contents" in before:
        files = booking.contents.purge_before(before["contents"])
        booking.keys.destroy_scope([file_scope(one) for one in files], now_ms)
        counts["contents"] = len(files)
    if "personal" in before:
        moment = datetime.datetime.fromtimestamp(before["personal"] / 1000, datetime.UTC)
        keys = booking.keys.destroy_periods_before(str(moment.year), now_ms)
        keys += booking.keys.destroy_payments_before(before["personal"], now_ms)
        keys += booking.keys.destroy_of_gone_customers(before["personal"], now_ms)
        counts["personal"] = len(keys)
    for name, log in (
        ("answers", booking.requests),
        ("events", booking.events),
        ("deliveries", booking.webhooks),
        ("runs", booking.runs),
    ):
        if name in before:
            counts[name] = log.forget_before(before[name])
    for name, subject in (("answers", ANSWERS), ("runs", RUNS)):
        if name in before:
            booking.keys.destroy_months_before(subject, before[name], now_ms)
    return counts
