"""Small MT940 and MT942 messages for tests: totals are worked out, everything else is as given."""

from __future__ import annotations

import re
from decimal import Decimal

ACCOUNT = "DE89370400440532013000"


def shown(amount):
    return ("C" if amount >= 0 else "D"), str(abs(amount)).replace(".", ",")


def moved(entries):
    """What the lines of `:61:` among `entries` do to the balance."""
    total = Decimal(0)
    for entry in entries:
        for line in entry.split("\n"):
            found = re.match(r":61:\d{6}(?:\d{4}| {4})?(R?)([CD])[A-Z]?([\d.,]+)", line)
            if found:
                amount = Decimal("0" + found[3].replace(",", "."))
                total += amount if (found[2] == "C") != bool(found[1]) else -amount
    return total


def mt940(
    *entries,
    account=ACCOUNT,
    number="1/1",
    currency="EUR",
    opening="1000.00",
    reference="REF1",
    closing=None,
    end="-",
    tags=("60F", "62F"),
):
    """One message MT940; `closing` in place of the balance that foots."""
    start = Decimal(opening)
    mark, text = shown(start)
    last_mark, last = shown(start + moved(entries)) if closing is None else shown(Decimal(closing))
    lines = [
        f":20:{reference}",
        f":25:{account}",
        f":28C:{number}",
        f":{tags[0]}:{mark}260902{currency}{text}",
        *entries,
        f":{tags[1]}:{last_mark}260902{currency}{last}",
        end,
    ]
    return "\n".join(line for line in lines if line) + "\n"


def mt942(*entries, account=ACCOUNT, number="1/1", currency="EUR", floor="0,", summaries=()):
    """One message MT942."""
    lines = [
        ":20:REF2",
        f":25:{account}",
        f":28C:{number}",
        f":34F:{currency}{floor}",
        ":13D:2609021330+0200",
        *entries,
        *summaries,
        "-",
    ]
    return "\n".join(lines) + "\n"
