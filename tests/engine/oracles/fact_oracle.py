"""What learned facts say of a name on a day, fact by fact, as one would explain it to a clerk."""

from __future__ import annotations

__all__ = ["said_of"]


def said_of(facts, name, day, families, *, days, least):
    """('fresh' | 'stale' | '', customer or 'several' or '') of an alias; facts are dicts.

    `families` maps known customers to their family; `days` and `least` are the policy's.
    """
    fresh, stale = set(), set()
    for fact in facts:
        if fact["kind"] != "alias" or fact["value"].upper() != name.upper():
            continue
        if fact["customer_id"] not in families or fact["learned_on"] > day:
            continue
        if fact["revoked_on"] is not None and fact["revoked_on"] <= day:
            continue
        if fact["source"] == "references" and fact["confirmations"] < least:
            continue
        last = max(on for on in (fact["learned_on"], fact["confirmed_on"]) if on <= day)
        (fresh if (day - last).days <= days else stale).add(fact["customer_id"])
    denied = {
        fact["customer_id"]
        for fact in facts
        if fact["kind"] == "not_alias"
        and fact["value"].upper() == name.upper()
        and fact["learned_on"] <= day
        and (fact["revoked_on"] is None or fact["revoked_on"] > day)
        and (fact["source"] == "clerk" or fact["confirmations"] >= least)
    }
    return _only(fresh, families, denied), _only(stale, families, denied)


def _only(customers, families, denied):
    """The least customer where all are of one family, else 'several'; '' where denied or none."""
    if not customers:
        return ""
    if len({families[one] for one in customers}) > 1:
        return "several"
    first = min(customers)
    return "" if first in denied else first
