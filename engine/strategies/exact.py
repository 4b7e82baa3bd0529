"""References decide: what the payer names, and whether its amounts are the cash.

Three proposals, tried in this order on payments nothing has settled yet:

- *detail*: every remittance line names an item and an amount, and the lines add up to the cash;
- *sums*: the items named add up to the cash, gross, net of earned discounts, or some of each;
- *differences*: they do not quite; the rest is judged as discount, fee, tolerance, short payment
  or surplus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from engine.candidates import UNIQUE_SET, CandidateRows, Candidates, strategy_code
from engine.combinations import subset_solutions
from engine.exception_codes import code_number
from engine.open_item_index import DISPUTED
from engine.segments import first_of_runs, segment_sum

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.situation import Referenced, Situation

__all__ = [
    "propose_across",
    "propose_detail",
    "propose_differences",
    "propose_sums",
    "propose_withheld",
]

_WRONG_DETAIL, _WRONG_SUM, _WRONG_SOME, _WRONG_REPAIRED = 1e-5, 2e-5, 5e-5, 5e-5
_MIXED_ITEMS_MAX = 12
_SMALL_SHARE = 20
_IMPOSSIBLE = 10**16


def propose_detail(situation: Situation, *, partial: bool) -> Candidates:
    """Lines with amounts that add up to the cash; `partial` takes payments of which only some
    lines could be read, and leaves the cash of the others.
    """
    lines, cash = situation.lines, situation.cash
    count = len(situation)
    if not len(lines.payment):
        return Candidates.none()
    named = _best_of_lines(situation.referenced())
    total = np.bincount(lines.payment, minlength=count)
    given = np.bincount(lines.payment[lines.given], minlength=count)
    stated = segment_sum(np.where(lines.given, lines.amount, 0), lines.payment, count)
    amount = lines.amount[named.line]
    remaining = situation.remaining[named.item]
    takes = (np.sign(amount) == np.sign(remaining)) & lines.given[named.line]
    # A mended number counts only with its amount.
    takes &= ~named.repaired | named.amount
    named, amount, remaining = named.at(takes), amount[takes], remaining[takes]
    used = np.bincount(named.payment, minlength=count)
    foots = (total > 0) & (given == total) & (stated == cash)
    chosen = foots & (used > 0) & (used < total if partial else used == total)
    # Where a credit memo among the lines cannot be used, the rest is more than there is.
    chosen &= segment_sum(amount, named.payment, count) <= cash
    rows = chosen[named.payment]
    named, amount = named.at(rows), amount[rows]
    payment, candidate = _renumber(named.payment)
    candidates = Candidates.of(
        payment,
        "remittance_detail",
        CandidateRows.of(candidate, named.item, amount, line=named.line),
        automatic=_agrees(
            situation,
            named,
            candidate,
            len(payment),
            closes=(amount == remaining[rows])
            | (amount == remaining[rows] - situation.discount_of(named.item, named.payment)),
        ),
        wrong=_WRONG_SOME if partial else _doubt(named, candidate, len(payment), _WRONG_DETAIL),
    )
    return _as_repaired(candidates, named.repaired)


_HIGHEST = np.iinfo(np.int64).max


def propose_sums(situation: Situation) -> Candidates:
    """Named items whose gross or net amounts add up to the cash; then mixed discounts."""
    # Sums that foot vouch for references of a payer nobody knows; differences do not.
    referenced = situation.referenced(unknown_payers=True)
    shared = situation.with_shared(referenced)
    found: list[Candidates] = []
    taken = np.zeros(len(situation), dtype=np.bool_)
    for named in _choices(referenced, shared):
        for net in (False, True):
            left = named.at(~taken[named.payment])
            if len(left.payment):
                candidates = _whole_sum(situation, left, net=net)
                taken[candidates.payment] = True
                found.append(candidates)
    if taken[referenced.payment].all() and taken[shared.payment].all():
        return Candidates.concat(found)
    mixed = _mixed(situation, referenced.at(~taken[referenced.payment]), partly=False)
    taken[mixed.payment] = True
    some = _mixed(situation, referenced.at(~taken[referenced.payment]), partly=True)
    taken[some.payment] = True
    of_shared = _mixed(situation, shared.at(~taken[shared.payment]), partly=True)
    return Candidates.concat([*found, mixed, some, of_shared])


def _choices(referenced: Referenced, shared: Referenced) -> list[Referenced]:
    """What may add up, one after the other: all that is named, or less; what would be tried
    twice is tried once.
    """
    strong, sure = referenced.strong, referenced.strong & referenced.family
    flags = [flag for flag in (strong, sure, referenced.amount) if not flag.all()]
    return [one for one in (referenced, *map(referenced.at, flags), shared) if len(one.payment)]


def propose_across(situation: Situation) -> Candidates:
    """What payers name of other customers, where all they name adds up to the cash: a proposal."""
    named = situation.referenced(strangers=True)
    known = situation.payer_family[named.payment] >= 0
    strange = np.bincount(named.payment[known & ~named.family], minlength=len(situation)) > 0
    if not np.count_nonzero(strange):
        return Candidates.none()
    named = named.at(strange[named.payment])
    found = [_whole_sum(situation, named, net=net) for net in (False, True)]
    candidates = Candidates.concat(found)
    if not len(candidates):
        return candidates
    vague = named.payment[~(named.family | named.amount)]
    return msgspec.structs.replace(
        candidates,
        automatic=np.zeros(len(candidates), dtype=np.bool_),
        contends=np.bincount(vague, minlength=len(situation))[candidates.payment] == 0,
        code=np.full(len(candidates), code_number("PAY-CROSS"), dtype=np.int64),
    )


def propose_withheld(situation: Situation) -> Candidates:
    """What payers name of which something is disputed or blocked, where all of it adds up to the
    cash: a proposal for whoever lifts the dispute.
    """
    named = situation.referenced(unknown_payers=True, withheld=True)
    withheld = situation.withheld(named.item)
    if not np.count_nonzero(withheld):
        return Candidates.none()
    some = np.bincount(named.payment[withheld], minlength=len(situation)) > 0
    named = named.at(some[named.payment])
    candidates = Candidates.concat([_whole_sum(situation, named, net=net) for net in (False, True)])
    if not len(candidates):
        return candidates
    rows = candidates.rows
    disputed = np.zeros(len(candidates), dtype=np.bool_)
    disputed[rows.candidate[situation.index.status[rows.item] == DISPUTED]] = True
    return msgspec.structs.replace(
        candidates,
        automatic=np.zeros(len(candidates), dtype=np.bool_),
        code=np.where(disputed, code_number("ITM-DISPUTED"), code_number("ITM-LOCKED")),
    )


def propose_differences(situation: Situation, unread: NDArray[np.int64]) -> Candidates:
    """Named items worth more or less than the cash: one item takes what there is; of several, all
    are paid in full and only a small shortfall or a surplus is left. `unread` counts references
    nobody could read, per payment: where there are some, a surplus proves nothing.
    """
    named = situation.referenced(unknown_payers=True)
    if not len(named.payment):
        return Candidates.none()
    best = named.strong | named.amount
    has_best = np.bincount(named.payment[best], minlength=len(situation)) > 0
    named = named.at(best | ~has_best[named.payment])
    payment, candidate = _renumber(named.payment)
    remaining = situation.remaining[named.item]
    owed = segment_sum(remaining, candidate, len(payment))
    difference = situation.cash[payment] - owed
    size = np.bincount(candidate, minlength=len(payment))
    # The difference falls on the largest item: limits in percent are judged against that one.
    order = np.lexsort((named.item, -remaining, candidate))
    largest = np.zeros(len(candidate), dtype=np.bool_)
    if len(order):
        largest[order[first_of_runs(candidate[order])]] = True
    cash = remaining + np.where(largest, difference[candidate], 0)
    bearer = segment_sum(np.where(largest, remaining, 0), candidate, len(payment))
    fits = (size == 1) | (difference > 0) | (-difference <= bearer // _SMALL_SHARE)
    usable = np.sign(cash) == np.sign(remaining)
    positive = np.bincount(candidate[~usable], minlength=len(payment)) == 0
    automatic = _agrees(situation, named, candidate, len(payment), exact=False) & fits & positive
    automatic &= (unread[payment] == 0) | (difference < 0)
    automatic &= owed > 0
    candidates = Candidates.of(
        payment,
        "reference",
        CandidateRows.of(candidate, named.item, cash, line=named.line),
        automatic=automatic,
        wrong=_WRONG_SOME,
    )
    return candidates.at(positive & (owed > 0))


def _best_of_lines(named: Referenced) -> Referenced:
    """One item per line: the strongest reading; lines that name an item another line has, go."""
    on_line = (named.line >= 0).nonzero()[0]
    order = on_line[
        np.lexsort(
            (
                named.item[on_line],
                ~named.strong[on_line],
                ~named.amount[on_line],
                named.line[on_line],
            )
        )
    ]
    first = first_of_runs(named.line[order]) if len(order) else np.empty(0, dtype=np.bool_)
    chosen = order[first]
    return named.at(chosen[np.lexsort((chosen, named.payment[chosen]))])


def _renumber(payment: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct payments of sorted rows, and the candidate number of each row."""
    if not len(payment):
        return payment, payment
    first = first_of_runs(payment)
    return payment[first], first.cumsum() - 1


def _agrees(
    situation: Situation,
    named: Referenced,
    candidate: NDArray[np.int64],
    count: int,
    *,
    exact: bool = True,
    closes: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Payer and references agree: all items are of the payer's family; or, where the amounts are
    exact and the payer is not known, all are of one family and fully read. `closes` says which rows
    settle their item whole, where that does not follow from the sum.
    """
    family = situation.index.family[named.item]
    low = np.full(count, _HIGHEST)
    high = np.full(count, -1, dtype=np.int64)
    np.minimum.at(low, candidate, family)
    np.maximum.at(high, candidate, family)
    ours: NDArray[np.bool_] = np.bincount(candidate[~named.family], minlength=count) == 0
    several = np.bincount(candidate[situation.declared[named.payment]], minlength=count) > 0
    ours &= (low == high) | several
    if not exact:
        return ours
    unsure = ~named.strong | named.repaired
    if closes is not None:
        unsure |= ~closes
    read = np.bincount(candidate[unsure], minlength=count) == 0
    unknown = (
        np.bincount(candidate[situation.payer_family[named.payment] >= 0], minlength=count) == 0
    )
    agrees: NDArray[np.bool_] = ours | (unknown & (low == high) & read)
    return agrees


def _doubt(
    named: Referenced, candidate: NDArray[np.int64], count: int, wrong: float
) -> NDArray[np.float64]:
    repaired = np.bincount(candidate[named.repaired], minlength=count) > 0
    return np.where(repaired, _WRONG_REPAIRED, wrong)


def _as_repaired(candidates: Candidates, repaired: NDArray[np.bool_]) -> Candidates:
    """`candidates` (`repaired` is of their rows) under the name that owns up to a mended number:
    their record is one of its own, and they teach nobody who paid.
    """
    some = np.zeros(len(candidates), dtype=np.bool_)
    some[candidates.rows.candidate[repaired]] = True
    if not np.count_nonzero(some):
        return candidates
    strategy = np.where(some, strategy_code("repaired_reference"), candidates.strategy)
    return msgspec.structs.replace(candidates, strategy=strategy)


def _whole_sum(situation: Situation, named: Referenced, *, net: bool) -> Candidates:
    if not len(named.payment):
        return Candidates.none()
    payment, candidate = _renumber(named.payment)
    discount = situation.discount_of(named.item, named.payment) if net else named.item * 0
    if net and not np.count_nonzero(discount):
        return Candidates.none()
    cash = situation.remaining[named.item] - discount
    fits = segment_sum(cash, candidate, len(payment)) == situation.cash[payment]
    if net:
        fits &= segment_sum(discount, candidate, len(payment)) > 0
        fits &= ~situation.reasoned()[payment]
    if not np.count_nonzero(fits):
        return Candidates.none()
    candidates = Candidates.of(
        payment,
        "references_net" if net else "references",
        CandidateRows.of(candidate, named.item, cash, line=named.line, discount=discount),
        automatic=_agrees(situation, named, candidate, len(payment)),
        wrong=_doubt(named, candidate, len(payment), _WRONG_SUM),
    )
    return _as_repaired(candidates, named.repaired).at(fits)


def _mixed(situation: Situation, named: Referenced, *, partly: bool) -> Candidates:
    """All named items, some of them net (`partly` false); or only some of the named items gross.

    Both are subset sums of few numbers: of the discounts, or of the amounts; only a single
    solution is proposed for automatic application.
    """
    if len(named.payment) < 2:
        return Candidates.none()
    payment, candidate = _renumber(named.payment)
    size = np.bincount(candidate, minlength=len(payment))
    if not np.count_nonzero(size >= 2):
        return Candidates.none()
    discount = situation.discount_of(named.item, named.payment)
    remaining = situation.remaining[named.item]
    # An item without a discount must not count as "net by nothing": it gets an impossible value.
    values = remaining if partly else np.where(discount > 0, discount, _IMPOSSIBLE)
    owed = segment_sum(remaining, candidate, len(payment))
    target = situation.cash[payment] if partly else owed - situation.cash[payment]
    todo = (size >= 2) & (size <= _MIXED_ITEMS_MAX) & (target > 0)
    todo &= partly | ~situation.reasoned()[payment]
    # Lines that state amounts say themselves what is paid: choosing among them would contradict.
    stated = np.zeros(len(situation), dtype=np.bool_)
    stated[situation.lines.payment[situation.lines.given]] = True
    found: list[Candidates] = []
    for width in range(2, _MIXED_ITEMS_MAX + 1):
        group = (todo & (size == width)).nonzero()[0]
        if not len(group):
            continue
        member = np.isin(candidate, group)
        rows = named.at(member)
        table = values[member].reshape(len(group), width)
        solved = subset_solutions(table, target[group])
        single = np.bincount(solved.problem, minlength=len(group))[solved.problem] == 1
        problem, mask = solved.problem[single], solved.mask[single]
        chosen = ((mask[:, None] >> np.arange(width)) & 1).astype(np.bool_)
        at = problem[:, None] * width + np.arange(width)
        kept = chosen if partly else np.ones_like(chosen)
        number = np.broadcast_to(np.arange(len(problem))[:, None], kept.shape)[kept]
        named_rows = rows.at(at[kept])
        given = 0 * mask if partly else mask
        off = ((given[:, None] >> np.arange(width)) & 1)[kept] * discount[member][at[kept]]
        mixed = Candidates.of(
            payment[group][problem],
            "references_mixed",
            CandidateRows.of(
                number,
                named_rows.item,
                remaining[member][at[kept]] - off,
                line=named_rows.line,
                discount=off,
            ),
            uniqueness=UNIQUE_SET,
            automatic=_agrees(situation, named_rows, number, len(problem))
            & ~(stated[payment[group][problem]] & partly),
            wrong=_WRONG_SOME,
        )
        found.append(_as_repaired(mixed, named_rows.repaired))
    return Candidates.concat(found)
