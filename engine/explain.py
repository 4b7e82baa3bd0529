"""One sentence and one JSON record per application, composed from the same facts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow.compute as pc

from engine.candidates import (
    STRATEGIES,
    UNIQUE_SET,
    UNIQUENESS,
    WITHHELD,
    WITHHELD_BY_PRECISION,
    WITHHELD_BY_SHADOW,
)
from engine.identify import IDENTIFIED_BY
from engine.row_texts import Names, amounts, appended, interleaved, joined, numbers, taken
from engine.settle import REASONS
from engine.text_columns import byte_set, has_byte

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.candidates import CandidateRows, Candidates
    from engine.open_item_index import OpenItemIndex
    from engine.row_texts import Texts

__all__ = ["explain_rows"]

_FIRST_BY_AMOUNT: Final = STRATEGIES.index("single_amount")
_FIRST_COMBINATION: Final = STRATEGIES.index("subset_sum")

_SENTENCES: Final = {
    "processor_payout": (
        "The payout of a payment processor covers {document} with {cash}, less its fee",
        ".",
    ),
    "remittance_detail": ("The remittance advice puts {cash} on {document}", "."),
    "references": ("The payment names {document}, and all it names adds up to its amount", "."),
    "references_net": (
        "The payment names {document}, and all it names, less discounts still earned, adds up to "
        "its amount",
        ".",
    ),
    "references_mixed": (
        "The payment names {document}; only this choice among what it names adds up to its amount",
        ".",
    ),
    "reference": ("The payment names {document} and puts {cash} on it", "."),
    "installment": (
        "The payment names {document}; {cash} goes to the installment that is due next",
        ".",
    ),
    "repaired_reference": ("The payment names {document} with a damaged number", "."),
    "single_amount": ("{document} has exactly the amount of the payment, {cash}", "."),
    "single_amount_net": (
        "{document}, less its discount, has exactly the amount of the payment, {cash}",
        ".",
    ),
    "single_amount_charged": (
        "{document}, less a bank's fee known to the cent, has the amount of the payment, {cash}",
        ".",
    ),
    "balance": ("{document} is part of the payer's balance, which is exactly the payment", "."),
    "past_due": ("{document} is part of what is past due, which is exactly the payment", "."),
    "statement": (
        "{document} is part of what was billed before this month, which is exactly the payment",
        ".",
    ),
    "payment_term": (
        "{document} is part of all items with one payment term, which are exactly the payment",
        ".",
    ),
    "due_until": (
        "{document} is part of the payer's items due first, which are exactly the payment",
        ".",
    ),
    "due_from": (
        "{document} is part of the payer's items due last, which are exactly the payment",
        ".",
    ),
    "due_window": (
        "{document} is part of items due one after another, which are exactly the payment",
        ".",
    ),
    "all_but_one": (
        "{document} is part of the payer's items without one, which are exactly the payment",
        ".",
    ),
    "all_but_two": (
        "{document} is part of the payer's items without two, which are exactly the payment",
        ".",
    ),
    "all_but_three": (
        "{document} is part of the payer's items without three, which are exactly the payment",
        ".",
    ),
    "subset_sum": (
        "{document} belongs to a combination of the payer's items with the payment's amount",
        ".",
    ),
    "subset_sum_net": (
        "{document} belongs to a combination of the payer's items, less discounts, with the "
        "payment's amount",
        ".",
    ),
    "subset_sum_mixed": (
        "{document} belongs to a combination of the payer's items, some of them less discounts, "
        "with the payment's amount",
        ".",
    ),
    "oldest_first": (
        "The payer's money goes to its oldest items first, and {document} is one of them",
        ".",
    ),
}


def explain_rows(
    candidates: Candidates,
    index: OpenItemIndex,
    exponents: NDArray[np.int64],
    identified_by: NDArray[np.int64],
    reference: Texts,
    remaining: NDArray[np.int64],
) -> tuple[Texts, Texts]:
    """Explanation and evidence of every candidate row.

    exponents: of each row's currency; identified_by: per row, how the payer was found; reference:
    as the payer wrote it (per row, may be empty); remaining: open before this match.
    """
    rows = candidates.rows
    strategy = candidates.strategy[rows.candidate]
    document = index.texts("document_number", rows.item)
    cash = amounts(rows.cash, exponents)
    text = _sentence(strategy, document, cash)
    left = remaining - rows.closes()
    extras = (
        (rows.discount != 0, " A cash discount of ", rows.discount, " is granted."),
        *_differences(rows),
        (left != 0, " Of the item ", left, " remain open."),
    )
    for applies, before, minor, after in extras:
        if np.count_nonzero(applies):
            text = appended(text, applies, before, amounts(minor, exponents), after)
    fits = candidates.fits[rows.candidate]
    alone = (candidates.uniqueness[rows.candidate] == UNIQUE_SET) & (fits == 1)
    alone &= strategy >= _FIRST_BY_AMOUNT
    # What was searched is what is claimed: combinations only where every one of them was counted.
    simple = strategy < _FIRST_COMBINATION
    withheld = candidates.withheld[rows.candidate]
    several = numbers(fits)
    for applies, *pieces in (
        (alone & simple, " No other single item, pair or total of the payer fits."),
        (alone & ~simple, " No other set of the payer's open items fits."),
        (fits > 1, " Sets of items that fit: ", several, "."),
        (withheld == WITHHELD_BY_SHADOW, " It would be applied, were this not shadow mode."),
        (
            withheld == WITHHELD_BY_PRECISION,
            " Its strategy's record does not let it decide alone.",
        ),
    ):
        text = appended(text, applies, *pieces)
    evidence = _evidence(
        candidates, document, cash, several, exponents, identified_by, reference, remaining
    )
    return text, evidence


def _differences(
    rows: CandidateRows,
) -> list[tuple[NDArray[np.bool_], str, NDArray[np.int64], str]]:
    """What closes besides cash and discount, in minor units, one sentence for each reason."""
    deduction, write_off = rows.deduction, rows.write_off
    deducted, written = rows.deduction != 0, rows.write_off != 0
    if not np.count_nonzero(deducted) and not np.count_nonzero(written):
        return []

    def reason(name: str) -> NDArray[np.bool_]:
        because: NDArray[np.bool_] = rows.reason == REASONS.index(name)
        return because

    return [
        (deducted & reason(""), " A deduction of ", deduction, " is booked."),
        (deducted & reason("tax"), " A tax of ", deduction, " is booked as a deduction."),
        (
            deducted & reason("withholding"),
            " A withholding of ",
            deduction,
            " is booked as a deduction.",
        ),
        (
            written & reason("tolerance"),
            " A difference of ",
            write_off,
            " is written off within tolerance.",
        ),
        (
            written & reason("bank_charge"),
            " A shortfall of ",
            write_off,
            " is written off as a bank's fee.",
        ),
        (
            written & reason("rounding"),
            " A difference of ",
            write_off,
            " is written off: the payer rounds.",
        ),
        (
            written & reason("processor_fee"),
            " The payment processor kept ",
            write_off,
            " of it.",
        ),
    ]


def _sentence(strategy: NDArray[np.int64], document: Texts, cash: Texts) -> Texts:
    """The sentence of each row's strategy, with document and cash where it has them."""
    facts = {"{document}": document, "{cash}": cash}
    texts, places = [], []
    for code in np.bincount(strategy).nonzero()[0].tolist():
        rows = (strategy == code).nonzero()[0]
        every = len(rows) == len(strategy)
        pieces = [
            piece if piece not in facts else facts[piece] if every else taken(facts[piece], rows)
            for piece in _PIECES[code]
        ]
        texts.append(joined(*pieces))
        places.append(rows)
    return interleaved(texts, places)


_BLANKS: Final = re.compile(r"(\{document\}|\{cash\})")
_PIECES: Final = [_BLANKS.split("".join(_SENTENCES[name])) for name in STRATEGIES]
"""Of each strategy what its sentence is made of: texts, and the names of facts."""


def _evidence(
    candidates: Candidates,
    document: Texts,
    cash: Texts,
    fits: Texts,
    exponents: NDArray[np.int64],
    identified_by: NDArray[np.int64],
    reference: Texts,
    remaining: NDArray[np.int64],
) -> Texts:
    """The facts of each row as JSON; `cash` and `fits` (sets that fit) as texts."""
    rows, of = candidates.rows, candidates.rows.candidate
    doubt = np.rint(candidates.wrong[of] * 1e6).astype(np.int64)
    discount = amounts(rows.discount, exponents)
    alike = (rows.write_off == rows.discount).all()
    values = (
        _STRATEGIES.of(candidates.strategy[of]),
        _IDENTIFIED_BY.of(identified_by),
        _escaped(document),
        _escaped(reference),
        cash if (remaining == rows.cash).all() else amounts(remaining, exponents),
        cash,
        discount,
        discount if alike else amounts(rows.write_off, exponents),
        _REASONS.of(rows.reason),
        _UNIQUENESS.of(candidates.uniqueness[of]),
        fits,
        numbers(doubt),
    )
    pieces = [piece for pair in zip(_FIELDS, values, strict=True) for piece in pair]
    withheld = candidates.withheld[of]
    if not np.count_nonzero(withheld):
        return joined(*pieces, "}")
    why = _WITHHELD.of(withheld)
    text = appended(joined(*pieces), withheld > 0, ',"withheld":"', why, '"')
    return joined(text, "}")


_STRATEGIES, _IDENTIFIED_BY, _REASONS, _UNIQUENESS, _WITHHELD = map(
    Names, (STRATEGIES, IDENTIFIED_BY, REASONS, UNIQUENESS, WITHHELD)
)
_FIELDS: Final = (
    '{"strategy":"',
    '","identified_by":"',
    '","document_number":"',
    '","reference_as_written":"',
    '","open_amount":"',
    '","amount_applied":"',
    '","discount_taken":"',
    '","write_off_amount":"',
    '","write_off_reason":"',
    '","uniqueness":"',
    '","sets_that_fit":',
    ',"doubt_per_million":',
)
"""What stands before each value of the evidence; numbers have no quotes."""


def _escaped(text: Texts) -> Texts:
    """JSON string content: backslash and quote escaped, control characters made blanks."""
    if isinstance(text, list):
        return [one.translate(_ESCAPES) for one in text]
    if not has_byte(text, _SPECIAL):
        return text
    text = pc.replace_substring(text, "\\", "\\\\")
    text = pc.replace_substring(text, '"', '\\"')
    return pc.replace_substring_regex(text, "[\x00-\x1f]", " ")


_CONTROL: Final = "".join(map(chr, range(32)))
_SPECIAL: Final = byte_set(_CONTROL + '\\"')
_ESCAPES: Final = str.maketrans(
    dict.fromkeys(_CONTROL, " ") | {mark: "\\" + mark for mark in '\\"'}
)
