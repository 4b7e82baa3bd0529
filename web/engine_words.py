"""What engine and desk say in sentences, worded anew from the same facts, in the reader's language.

A suggestion is worded from its strategy and its amounts. What stands against an item comes as
sentences: each is known by its pattern, its blanks are filled in again, amounts as the reader
writes them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from web.languages import marked as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["STRATEGY_SENTENCES", "VERDICT_SENTENCES", "is_known", "said_anew", "suggestion_said"]

STRATEGY_SENTENCES: Final = {
    "processor_payout": _(
        "The payout of a payment processor covers %(document)s with %(cash)s, less its fee."
    ),
    "remittance_detail": _("The remittance advice puts %(cash)s on %(document)s."),
    "references": _("The payment names %(document)s, and all it names adds up to its amount."),
    "references_net": _(
        "The payment names %(document)s, and all it names, less discounts still "
        "earned, adds up to its amount."
    ),
    "references_mixed": _(
        "The payment names %(document)s; only this choice among what it names "
        "adds up to its amount."
    ),
    "reference": _("The payment names %(document)s and puts %(cash)s on it."),
    "installment": _(
        "The payment names %(document)s; %(cash)s goes to the installment that is due next."
    ),
    "repaired_reference": _("The payment names %(document)s with a damaged number."),
    "single_amount": _("%(document)s has exactly the amount of the payment, %(cash)s."),
    "single_amount_net": _(
        "%(document)s, less its discount, has exactly the amount of the payment, %(cash)s."
    ),
    "single_amount_charged": _(
        "%(document)s, less a bank's fee known to the cent, has the amount of the "
        "payment, %(cash)s."
    ),
    "balance": _("%(document)s is part of the payer's balance, which is exactly the payment."),
    "past_due": _("%(document)s is part of what is past due, which is exactly the payment."),
    "statement": _(
        "%(document)s is part of what was billed before this month, which is exactly the payment."
    ),
    "payment_term": _(
        "%(document)s is part of all items with one payment term, which are exactly the payment."
    ),
    "due_until": _(
        "%(document)s is part of the payer's items due first, which are exactly the payment."
    ),
    "due_from": _(
        "%(document)s is part of the payer's items due last, which are exactly the payment."
    ),
    "due_window": _(
        "%(document)s is part of items due one after another, which are exactly the payment."
    ),
    "all_but_one": _(
        "%(document)s is part of the payer's items without one, which are exactly the payment."
    ),
    "all_but_two": _(
        "%(document)s is part of the payer's items without two, which are exactly the payment."
    ),
    "all_but_three": _(
        "%(document)s is part of the payer's items without three, which are exactly the payment."
    ),
    "subset_sum": _(
        "%(document)s belongs to a combination of the payer's items with the payment's amount."
    ),
    "subset_sum_net": _(
        "%(document)s belongs to a combination of the payer's items, less "
        "discounts, with the payment's amount."
    ),
    "subset_sum_mixed": _(
        "%(document)s belongs to a combination of the payer's items, some of them "
        "less discounts, with the payment's amount."
    ),
    "oldest_first": _(
        "The payer's money goes to its oldest items first, and %(document)s is one of them."
    ),
}
"""Strategy → what it says of an item."""

_DIFFERENCES: Final = {
    "discount_minor": _("A cash discount of %(amount)s is granted."),
    "deduction_minor": _("A deduction of %(amount)s is booked."),
    "write_off_minor": _("A difference of %(amount)s is written off."),
}

VERDICT_SENTENCES: Final = (
    _("no open item of that id or document number is known"),
    _("the payer wrote none of its numbers"),
    _("the bank file is held: its totals or its rows are in doubt"),
    _("another proposal is more likely; this one has rank %(rank)s"),
    _("the engine is %(percent)s % sure of its proposal"),
    _("the payer wrote '%(name)s'"),
    _("it is an item of the payer, %(customer)s"),
    _("its open amount is exactly the undecided cash"),
    _("this payment has settled %(minor)s minor units of it already"),
    _("it is in %(one)s, the payment in %(other)s"),
    _("nothing of it is open"),
    _("it is %(state)s"),
    _("it belongs to company '%(one)s', the money to '%(other)s'"),
    _("the payer is not identified"),
    _("it is of customer %(one)s, the payer is %(other)s"),
    _("all cash of the payment is decided"),
    _("%(minor)s minor units are open, %(left_minor)s are undecided"),
)
"""What stands against an item, or speaks for it."""


def _pattern(sentence: str) -> re.Pattern[str]:
    """What `sentence` looks like with its blanks filled in; a quoted name may bear either quote."""
    pieces = re.split(r"%\((\w+)\)s", sentence)
    made = [
        f"(?P<{piece}>.*?)" if at % 2 else re.escape(piece).replace("'", "['\"]")
        for at, piece in enumerate(pieces)
    ]
    return re.compile("".join(made), re.DOTALL)


_PATTERNS: Final = [(sentence, _pattern(sentence)) for sentence in VERDICT_SENTENCES]


def is_known(sentence: str) -> bool:
    """Whether the sentence has words in every language."""
    return any(pattern.fullmatch(sentence) for _, pattern in _PATTERNS)


def said_anew(
    sentence: str,
    translate: Callable[[str], str],
    money: Callable[[int], str],
    states: Mapping[str, str],
) -> str:
    """`sentence` as `translate` words it; as it came where nobody knows it."""
    for known, pattern in _PATTERNS:
        found = pattern.fullmatch(sentence)
        if found is None:
            continue
        text = translate(known)
        for name, value in found.groupdict().items():
            said = money(int(value)) if name.endswith("minor") else value
            if name == "state":
                said = translate(states.get(value, value))
            text = text.replace(f"%({name})s", said)
        # The source says amounts in minor units; people read them in major ones.
        return text.replace(" minor units", "")
    return sentence


def suggestion_said(
    row: Any, document: str, translate: Callable[[str], str], money: Callable[[int], str]
) -> str:
    """What the strategy of a proposed `row` says of its item, and what closes besides cash."""
    sentence = STRATEGY_SENTENCES.get(row.strategy)
    if sentence is None:
        explained: str = row.explanation
        return explained
    parts = [translate(sentence) % {"document": document, "cash": money(row.applied_minor)}]
    parts += [
        translate(said) % {"amount": money(getattr(row, name))}
        for name, said in _DIFFERENCES.items()
        if getattr(row, name)
    ]
    return " ".join(parts)
