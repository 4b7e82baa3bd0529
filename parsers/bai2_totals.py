"""Control totals of BAI2: which rule a trailer follows, and whether it foots.

| rule | the trailer's total is                                                        |
|------|-------------------------------------------------------------------------------|
| A    | all amounts of 03 and 16 records, debits not negated: what the specification says |
| B    | the amounts of 16 records only                                                |
| C    | as A or B, but debits negated                                                 |
| D    | blank: the bank declares nothing                                              |
"""

from __future__ import annotations

import msgspec

__all__ = ["AccountSums", "TotalVerdict", "Totals", "account_verdict", "cascade_verdict"]


class AccountSums(msgspec.Struct):
    """Sums of one account in minor units; debits are positive, as they stand in the file."""

    summary: int = 0
    summary_debit: int = 0
    detail: int = 0
    detail_debit: int = 0


class TotalVerdict(msgspec.Struct, frozen=True):
    """The rule that explains a declared total (empty where none does) and the total it gives."""

    rule: str
    computed: int
    ok: bool


def account_verdict(declared: int | None, sums: AccountSums) -> TotalVerdict:
    """How the total of a 49 record comes about; `declared` is None where it is blank."""
    everything = sums.summary + sums.detail
    if declared is None:
        return TotalVerdict("D", everything, ok=True)
    detail_signed = sums.detail - 2 * sums.detail_debit
    summary_signed = sums.summary - 2 * sums.summary_debit
    for rule, computed in (
        ("A", everything),
        ("B", sums.detail),
        ("C", sums.summary + detail_signed),
        ("C", summary_signed + detail_signed),
        ("C", detail_signed),
    ):
        if declared == computed:
            return TotalVerdict(rule, computed, ok=True)
    return TotalVerdict("", everything, ok=False)


class Totals(msgspec.Struct):
    """What the trailers below a 98 or 99 record give, added up.

    `declared` sums what they declare (where blank or missing: what they should have), `computed`
    what they should have declared by rule A.
    """

    declared: int = 0
    computed: int = 0
    count: int = 0

    def add(self, declared: int | None, computed: int) -> None:
        """One more trailer; `declared` is None where it is blank or missing."""
        self.declared += computed if declared is None else declared
        self.computed += computed
        self.count += 1


def cascade_verdict(declared: int | None, below: Totals) -> TotalVerdict:
    """How the total of a 98 or 99 record comes about, from those of the trailers it sums up."""
    if declared is None:
        return TotalVerdict("D", below.declared, ok=True)
    for rule, total in (("cascade", below.declared), ("A", below.computed)):
        if declared == total:
            return TotalVerdict(rule, total, ok=True)
    return TotalVerdict("", below.declared, ok=False)
