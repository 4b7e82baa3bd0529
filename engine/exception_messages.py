"""The sentence of each exception: what happened, to what, and of whose payment it is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.candidates import WITHHELD_BY_PRECISION
from engine.exception_codes import EXCEPTION_CODES, code_number
from engine.exception_facts import exception_facts
from engine.exception_subjects import exception_subjects
from engine.money import exponent_of, money_texts
from engine.payer_messages import payer_candidates
from engine.segments import is_one_of
from engine.text_columns import are_empty, is_empty, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.conclude import Conclusion
    from engine.intake import Intake
    from engine.returns import Returns

__all__ = ["exception_messages"]

_COLON, _BLANK = pa.scalar(": "), pa.scalar(" ")
_TRIGGERS: Final = pa.array(
    ["", *(one.trigger[:1].upper() + one.trigger[1:] for one in EXCEPTION_CODES.values())],
    pa.string(),
)
"""The triggers as sentences begin, by number of the code."""
_DAMAGED: Final = (code_number("REF-TYPO"), code_number("REF-TRUNC"))


def exception_messages(
    intake: Intake,
    conclusion: Conclusion,
    returns: Returns,
    payment: NDArray[np.int64],
    code: NDArray[np.int64],
) -> pa.StringArray:
    """`Less was paid than the items are worth (INV-1: 80.00 for 100.00 USD, 20.00 short): ACME
    80.00 USD`, and so on, of each exception (payment, code).

    In brackets stands what the payer wrote or, where the code is about none of that, the facts.
    """
    rows = pa.array(payment)
    conversions = intake.conversions
    cash = conversions.matched(intake.situation.cash, conversions.paid)[payment]
    paid_in = conversions.matched(intake.situation.currency, conversions.paid_in)[payment]
    exponents = np.array([exponent_of(name) for name in intake.currencies], dtype=np.int64)
    payer = intake.payments.text("payer_name").take(rows)
    nameless = is_empty(payer)
    if nameless.any():
        payer = pc.if_else(pa.array(nameless), "an unnamed payer", payer)
    trigger = _TRIGGERS.take(pa.array(code))
    named = exception_subjects(intake, payment, code)
    facts = exception_facts(intake, conclusion, returns, payment, code)
    # What the payer wrote says it; of a damaged number also what it may be.
    both = is_one_of(code, _DAMAGED) & ~is_empty(named) & ~is_empty(facts)
    about = text_of(is_empty(named), facts, named)
    loose = (code == code_number("AMT-OVER")) & ~is_empty(named)
    if loose.any():
        beside = pc.binary_join_element_wise(facts, named, "; the text also says ")
        about = text_of(loose, beside, about)
    if both.any():
        about = text_of(both, pc.binary_join_element_wise(named, facts, "; "), about)
    inside = pc.binary_join_element_wise(trigger, " (", about, ")", "")
    message = pc.binary_join_element_wise(
        text_of(is_empty(about), trigger, inside),
        _COLON,
        payer,
        _BLANK,
        money_texts(cash, exponents[paid_in]),
        _BLANK,
        intake.payments.text("currency").take(rows),
        "",
    )
    message = _with_records(intake, conclusion, payment, code, message)
    candidates = payer_candidates(intake, payment, code)
    if not are_empty(candidates):
        longer = pc.binary_join_element_wise(message, candidates, "; ")
        message = text_of(is_empty(candidates), message, longer)
    return message


def _with_records(
    intake: Intake,
    conclusion: Conclusion,
    payment: NDArray[np.int64],
    code: NDArray[np.int64],
    message: pa.StringArray,
) -> pa.StringArray:
    """`message`, and what the record of its strategy says where that alone kept a set back."""
    if not (conclusion.proposed.withheld == WITHHELD_BY_PRECISION).any():
        return message
    best = conclusion.proposed.at(conclusion.ranks == 1)
    kept = best.withheld == WITHHELD_BY_PRECISION
    if not kept.any():
        return message
    strategy = np.full(len(intake.payments), -1)
    strategy[best.payment[kept]] = best.strategy[kept]
    of = strategy[payment]
    told = pa.array(intake.precision.sentences(), pa.string()).take(pa.array(of, mask=of < 0))
    longer = pc.binary_join_element_wise(message, told, "; ")
    is_told = pa.array((of >= 0) & (code == code_number("POL-CONFIDENCE")))
    return pc.if_else(is_told, longer, message)
