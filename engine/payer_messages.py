"""Who is meant in exceptions about payers: the customers that evidence names, with its kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.exception_codes import code_number
from engine.identify import IDENTIFIED_BY
from engine.owner_table import NOBODY
from engine.text_columns import blanks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.intake import Intake

__all__ = ["customers_named", "payer_candidates"]

_KINDS: Final = tuple(kind.replace("_", " ") for kind in IDENTIFIED_BY)


def payer_candidates(
    intake: Intake, payment: NDArray[np.int64], code: NDArray[np.int64]
) -> pa.StringArray:
    """What to add to the message of each exception (payment, code); empty where it names nobody.

    Several that fit: the two; facts in conflict: what each says; nobody: the nearest name.
    """
    payers = intake.payers
    payer, nearest, rival = (
        column[payment] for column in (payers.payer, payers.nearest, payers.rival)
    )
    conflict = (code == code_number("PAY-CONFLICT")) & (payer >= 0) & (rival >= 0)
    ambiguous = (code == code_number("PAY-AMBIG")) & (nearest >= 0)
    both = ambiguous & (rival >= 0) & (rival != nearest)
    unknown = (code == code_number("PAY-UNKNOWN")) & (nearest >= 0)
    if not (conflict | ambiguous | unknown).any():
        return blanks(len(payment))
    kinds = pa.array(_KINDS, pa.string())
    one = customers_named(intake, np.where(conflict, payer, nearest))
    other = customers_named(intake, rival)
    told = pc.binary_join_element_wise(
        kinds.take(pa.array(payers.by[payment])),
        pc.binary_join_element_wise(" says ", one, "; ", ""),
        kinds.take(pa.array(payers.rival_by[payment])),
        pc.binary_join_element_wise(" says ", other, ""),
        "",
    )
    text = pc.if_else(pa.array(conflict), told, "")
    text = pc.if_else(pa.array(both), pc.binary_join_element_wise(one, other, " or "), text)
    text = pc.if_else(
        pa.array(ambiguous & ~both), pc.binary_join_element_wise("perhaps ", one, ""), text
    )
    return pc.if_else(
        pa.array(unknown), pc.binary_join_element_wise("the nearest name is ", one, ""), text
    )


def customers_named(intake: Intake, customer: NDArray[np.int64]) -> pa.StringArray:
    """`ID (name)` of each customer, the id alone where no name is known; empty for -1."""
    directory = intake.directory
    at = pa.array(customer, mask=customer <= NOBODY)
    ids = pc.fill_null(directory.customer_ids.take(at), "")
    names = pc.fill_null(directory.display_name.take(at), "")
    whole = pc.binary_join_element_wise(ids, " (", names, ")", "")
    return pc.if_else(pc.equal(names, ""), ids, whole)
