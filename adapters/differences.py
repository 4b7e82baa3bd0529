"""What closes an item besides its cash, each part with the account that takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from adapters.accounts import Target  # noqa: TC001 - msgspec reads the annotation
from adapters.document_ids import short_id
from adapters.errors import PostingRefusedError
from adapters.postings import Line  # noqa: TC001 - msgspec reads the annotation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adapters.accounts import Determination
    from adapters.postings import Posting

__all__ = ["Difference", "deduction_number", "differences_of"]

_NUMBER_LETTERS: Final = 12


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A discount, a write-off or a deduction of one line (negative: the item was overpaid)."""

    line: Line
    kind: Literal["discount", "write_off", "deduction"]
    amount_minor: int
    reason: str
    target: Target


def differences_of(
    posting: Posting, determination: Determination, *, discounts: bool = True
) -> Iterator[Difference]:
    """Every difference of `posting`; raises `PostingRefusedError` where an account is missing.

    Without `discounts` where the ERP books those by itself.
    """
    for line in posting.lines:
        company = line.item.company_id
        parts: tuple[tuple[Literal["discount", "write_off", "deduction"], int, str], ...] = (
            ("discount", line.discount_minor, ""),
            ("write_off", line.write_off_minor, line.write_off_reason),
            ("deduction", line.deduction_minor, line.deduction_reason),
        )
        for kind, amount, reason in parts:
            if not amount or (kind == "discount" and not discounts):
                continue
            try:
                target = (
                    determination.discount(company)
                    if kind == "discount"
                    else determination.write_off(company, reason)
                    if kind == "write_off"
                    else determination.deduction(company, reason)
                )
            except PostingRefusedError as error:
                raise PostingRefusedError(error.sentence, line.item.open_item_id) from None
            yield Difference(
                line=line, kind=kind, amount_minor=amount, reason=reason, target=target
            )


def deduction_number(posting: Posting, line: Line) -> str:
    """The number of the item a deduction becomes: the same whenever it is asked for."""
    identity = posting.document_id("deduction", line.item.open_item_id)
    return f"DED-{short_id(identity, _NUMBER_LETTERS)}"
