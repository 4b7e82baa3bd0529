"""From decided and proposed candidates to the result's batches: buckets, rows, statuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import ApplicationBatch, OpenItemBatch, PaymentOutcomeBatch
from engine.candidates import STRATEGIES, UNIQUENESS, WITHHELD_BY_SHADOW, Candidates
from engine.decisions import rank_proposals
from engine.explain import explain_rows
from engine.identify import IDENTIFIED_BY, RELIABILITY
from engine.limits import CHUNK_ROWS
from engine.money import exponent_of
from engine.open_item_index import OPEN, ledger_rows
from engine.patterns import codes_over_payments
from engine.rounds import unread_references
from engine.row_texts import Names, amounts, appended, as_column, taken
from engine.segments import first_of_runs, inverse, mix64, pick
from engine.settle import REASONS
from engine.text_columns import blanks, is_empty, text_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from engine.batches import ReversalBatch
    from engine.candidates import CandidateRows
    from engine.intake import Intake
    from engine.match_input import MapOrdered
    from engine.rounds import Round
    from engine.row_texts import Texts
    from engine.situation import Situation

__all__ = ["Conclusion", "conclude", "touched_items", "write_applications", "write_outcomes"]

_BY_REFERENCES: Final = IDENTIFIED_BY.index("references")
_MANY_SHARE: Final = 16
_IDENTIFIED_BY, _STRATEGIES, _UNIQUENESS, _REASONS, _DECISIONS = map(
    Names, (IDENTIFIED_BY, STRATEGIES, UNIQUENESS, REASONS, ("proposed", "auto"))
)
_SHORT_PAY: Final = pa.array(["", "short_pay"], pa.string())
_AUDITED: Final = ("open_item_id", "company_id", "currency")
_ON_ACCOUNT, _UNAPPLIED, _REFUND = 0, 1, 2


class Conclusion(msgspec.Struct, frozen=True, kw_only=True):
    """Decided and proposed candidates, and per payment what follows from them.

    watched: what would be decided but for shadow mode (its candidates are proposals of rank 1);
    settling: decided and watched together; settled_cash: what those put on items; stopped: which
    gate alone kept a payment from being decided (gates × payments); applied: cash on items;
    surplus: the decided candidate leaves money over on purpose; customer: whose account is settled
    (-1 unknown), by: kind of evidence; code_of: exception code of the candidate that settles it (0
    none); second, contested: lost to an earlier payment of the same amount, or to competition;
    doubtful: a reference may be mistyped.
    """

    decided: Candidates
    settling: Candidates
    proposed: Candidates
    ranks: NDArray[np.int64]
    watched: NDArray[np.bool_]
    stopped: NDArray[np.bool_]
    settled_cash: NDArray[np.int64]
    applied: NDArray[np.int64]
    surplus: NDArray[np.bool_]
    customer: NDArray[np.int64]
    by: NDArray[np.int64]
    code_of: NDArray[np.int64]
    second: NDArray[np.bool_]
    contested: NDArray[np.bool_]
    doubtful: NDArray[np.bool_]


def conclude(intake: Intake, rounds: list[Round]) -> Conclusion:
    """Gather the rounds: accepted candidates are decided, unless policy wants somebody asked first;
    those and the best others are proposed.
    """
    count = len(intake.payments)
    agreed = Candidates.concat([one.candidates.at(one.resolution.accepted) for one in rounds])
    accepted, asking = agreed.at(~agreed.stopped), agreed.at(agreed.stopped)
    others = Candidates.concat([one.candidates.at(~one.resolution.accepted) for one in rounds])
    shadow = intake.gates.only_watched(accepted, intake.index)
    decided, watching = accepted.at(~shadow), accepted.at(shadow)
    if len(watching):
        watching = msgspec.structs.replace(
            watching, withheld=np.full(len(watching), WITHHELD_BY_SHADOW)
        )
    settling = Candidates.concat([decided, watching])
    second, contested = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    for one in rounds:
        second[one.candidates.payment[one.resolution.second]] = True
        contested[one.candidates.payment[one.resolution.contested]] = True
    applied, settled_cash = (np.zeros(count, dtype=np.int64) for _ in range(2))
    np.add.at(applied, decided.payment, decided.cash())
    np.add.at(settled_cash, settling.payment, settling.cash())
    again = (
        second & _repeats_of_settled(intake, agreed, others) if np.count_nonzero(second) else second
    )
    settled, watched = (np.zeros(count, dtype=np.bool_) for _ in range(2))
    settled[settling.payment] = True
    watched[watching.payment] = True
    kept_back = Candidates.concat([watching, asking])
    proposed, ranks = rank_proposals(kept_back, others, ~settled | watched)
    code_of = np.zeros(count, dtype=np.int64)
    code_of[settling.payment] = codes_over_payments(settling, intake.index)
    surplus = np.zeros(count, dtype=np.bool_)
    surplus[decided.payment] = decided.surplus > 0
    if np.count_nonzero(surplus):
        # A surplus beside a reference nobody could use is not the customer's to keep yet.
        surplus &= unread_references(intake.situation) == 0
        over = surplus.nonzero()[0]
        left = intake.situation.cash[over] - applied[over]
        surplus[over] = ~_pays_another(intake, rounds[-1].situation, over, left)
    customer, by = _customers(intake, decided, proposed.at(ranks == 1))
    return Conclusion(
        decided=decided,
        settling=settling,
        proposed=proposed,
        ranks=ranks,
        watched=watched,
        stopped=np.logical_or.reduce([one.stopped for one in rounds]),
        settled_cash=settled_cash,
        applied=applied,
        surplus=surplus,
        customer=customer,
        by=by,
        code_of=code_of,
        second=again & ~settled,
        contested=(contested | (second & ~again)) & ~settled,
        doubtful=np.logical_or.reduce([one.doubtful for one in rounds]),
    )


def _repeats_of_settled(
    intake: Intake, settling: Candidates, others: Candidates
) -> NDArray[np.bool_]:
    """Payments of the very amount of another one that settles an item they would settle."""
    cash = intake.situation.cash

    def keys(candidates: Candidates) -> NDArray[np.uint64]:
        rows = candidates.rows
        return mix64(rows.item, cash[candidates.payment[rows.candidate]])

    repeats = np.zeros(len(cash), dtype=np.bool_)
    if not len(others) or not len(settling):
        return repeats
    found = np.isin(keys(others), keys(settling))
    repeats[others.payment[others.rows.candidate[found]]] = True
    return repeats


def _pays_another(
    intake: Intake, situation: Situation, payment: NDArray[np.int64], left: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """What each of the payments has left is exactly another open item of the payer: no gift to his
    account.
    """
    index = intake.index
    ledger = index.ledger_of(situation.payer[payment], situation.currency[payment])
    owner, item = ledger_rows(index, ledger)
    untouched = (index.status[item] == OPEN) & (situation.remaining[item] == index.open_minor[item])
    same = untouched & (left[owner] != 0) & (situation.remaining[item] == left[owner])
    return np.bincount(owner[same], minlength=len(payment)) > 0


def _customers(
    intake: Intake, decided: Candidates, best: Candidates
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The customer whose items are settled or, failing that, named; else the payer."""
    payers, index = intake.payers, intake.index
    customer = np.where(payers.known & ~payers.conflict, payers.payer, -1)
    by = np.where(customer >= 0, payers.by, 0)
    slots = intake.situation.slots
    strong = (slots.item >= 0) & (slots.strength > 1) & ~slots.repaired
    strong &= intake.situation.credible()
    if np.count_nonzero(strong):
        owner = index.customer[slots.item[strong]]
        of_named = _only_one(slots.payment[strong], owner, len(customer))
        fresh = (customer < 0) & (of_named >= 0) & ~payers.conflict
        customer, by = np.where(fresh, of_named, customer), np.where(fresh, _BY_REFERENCES, by)
    for candidates, always in ((best, False), (decided, True)):
        rows = candidates.rows
        if not len(rows):
            continue
        found = _only_one(
            candidates.payment[rows.candidate], index.customer[rows.item], len(customer)
        )
        takes = (found >= 0) if always else (found >= 0) & (customer < 0) & ~payers.conflict
        if always:
            # Several customers of one family: the family's head stands for them.
            family = _only_one(
                candidates.payment[rows.candidate], index.family[rows.item], len(customer)
            )
            head = (found < 0) & (family >= 0) & (customer < 0)
            found, takes = np.where(head, family, found), takes | head
        other = takes & (found != customer)
        # A payer only suggested is one where his own items have the payment's amount.
        proven = payers.tentative & (found == payers.payer)
        by = np.where(other & (customer < 0), np.where(proven, payers.by, _BY_REFERENCES), by)
        customer = np.where(takes, found, customer)
    return customer, by


def _only_one(
    payment: NDArray[np.int64], customer: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """The one customer of each payment's rows; -1 where there is none or several."""
    low = np.full(count, np.iinfo(np.int64).max)
    high = np.full(count, -1, dtype=np.int64)
    np.minimum.at(low, payment, customer)
    np.maximum.at(high, payment, customer)
    return np.where(low == high, low, -1)


def touched_items(
    intake: Intake, conclusion: Conclusion, reversals: ReversalBatch
) -> OpenItemBatch:
    """The open items that something is applied to or taken back from, in the columns an auditor
    looks at. Where those are many, all items as they came: looking them out costs more.
    """
    items, index = intake.resident.open_items, intake.index
    named = np.sort(conclusion.decided.rows.item)
    chosen = named[first_of_runs(named)]
    if len(chosen) * _MANY_SHARE >= len(items):
        return items
    rows = index.order[chosen]
    if len(reversals):
        again = pc.is_in(items.text("open_item_id"), value_set=reversals.text("open_item_id"))
        mark = again.to_numpy(zero_copy_only=False).copy()
        mark[rows] = True
        rows = mark.nonzero()[0]
    columns: dict[str, Any] = {name: taken(items.text(name), rows) for name in _AUDITED}
    columns["open_minor"] = items.int64("open_minor")[rows]
    return OpenItemBatch.from_distinct(columns)


def write_outcomes(intake: Intake, conclusion: Conclusion) -> PaymentOutcomeBatch:
    """One outcome per payment, in the order of the input rows; the buckets add up by design and
    are audited elsewhere.
    """
    situation, conversions = intake.situation, intake.conversions
    cash = conversions.matched(situation.cash, conversions.paid)
    applied = conversions.spent(conclusion.applied)
    credit = cash > 0
    rest = np.where(credit, cash, 0) - applied
    known = conclusion.customer >= 0
    where = situation.rules.surplus[situation.rule]
    over = conclusion.surplus
    buckets = {
        "applied_minor": applied,
        "on_account_minor": np.where(over & (where == _ON_ACCOUNT), rest, 0),
        "refund_minor": np.where(over & (where == _REFUND), rest, 0),
        "non_ar_minor": np.where(intake.not_receivable, rest, 0),
        "returned_minor": np.where(cash < 0, cash, 0),
    }
    placed = sum(buckets.values())
    left = np.where(credit, cash - placed, 0)
    buckets["unapplied_minor"] = np.where(known, left, 0)
    buckets["unidentified_minor"] = np.where(known, 0, left)
    directory = intake.directory
    payer = np.where(intake.payers.known, intake.payers.payer, conclusion.customer)
    company = np.where(known, pick(directory.company, conclusion.customer), situation.company)
    settled = conclusion.decided
    company[settled.payment[settled.rows.candidate]] = intake.index.company[settled.rows.item]
    on_items = np.zeros(len(cash), dtype=np.bool_)
    on_items[settled.payment] = True
    given = intake.payments.text("company_id")
    # Of the company whose items it settles, be it a sister of the one it was paid to.
    of_items = is_empty(given) | on_items
    settled_by = given
    if np.count_nonzero(of_items):
        found = as_column(Names(directory.companies).of(company))
        settled_by = text_of(of_items, found, given)
    back = inverse(intake.order)
    as_they_stand = (back == np.arange(len(back))).all()

    def as_given(texts: Texts) -> Texts:
        return texts if as_they_stand else taken(texts, back)

    customers = taken(directory.customer_ids, conclusion.customer[back])
    same = (payer == conclusion.customer).all()
    return PaymentOutcomeBatch.from_distinct(
        {
            "payment_id": as_given(intake.payments.text("payment_id")),
            "company_id": as_given(settled_by),
            "currency": as_given(intake.payments.text("currency")),
            "customer_id": customers,
            "payer_customer_id": customers if same else taken(directory.customer_ids, payer[back]),
            "identified_by": _IDENTIFIED_BY.of(conclusion.by[back]),
            "identification_confidence": RELIABILITY[conclusion.by[back]],
            "status": _statuses(buckets, cash, back),
            **{name: values[back] for name, values in buckets.items()},
        }
    )


def _statuses(
    buckets: dict[str, NDArray[np.int64]], cash: NDArray[np.int64], order: NDArray[np.int64]
) -> Texts:
    """Status by contract §6, derived from the buckets alone; first that holds. In that `order`."""
    holds = (
        buckets["returned_minor"] < 0,
        buckets["non_ar_minor"] > 0,
        (buckets["applied_minor"] == cash) & (cash > 0),
        buckets["applied_minor"] > 0,
        buckets["on_account_minor"] > 0,
        buckets["refund_minor"] > 0,
        buckets["unidentified_minor"] > 0,
        np.ones(len(cash), dtype=np.bool_),
    )
    return _STATUSES.of(np.array(holds).argmax(axis=0)[order])


_STATUSES: Final = Names(
    [
        *("returned", "non_ar", "applied", "partially_applied"),
        *("on_account", "refund_due", "unidentified", "unapplied"),
    ]
)


def write_applications(
    intake: Intake, conclusion: Conclusion, map_ordered: MapOrdered = map
) -> ApplicationBatch:
    """Automatic rows, then proposals, by payment, rank and item."""
    decided, proposed = conclusion.decided, conclusion.proposed
    both = Candidates.concat([decided, proposed])
    if not len(both):
        return ApplicationBatch.empty()
    rank = np.concatenate([np.ones(len(decided), dtype=np.int64), conclusion.ranks])
    of = both.rows.candidate
    order = np.lexsort((both.rows.item, rank[of], both.payment[of]))

    converted, leg, money = intake.conversions.legs(
        both.payment[of[order]], of[order], both.rows.cash[order]
    )

    def written(places: NDArray[np.int64]) -> ApplicationBatch:
        piece = msgspec.structs.replace(both, rows=both.rows.at(order[places]))
        cash = _Legs(converted[places], leg[places], money[places])
        return _application_rows(intake, conclusion, piece, rank, cash)

    pieces = np.split(np.arange(len(order)), np.arange(CHUNK_ROWS, len(order), CHUNK_ROWS))
    return ApplicationBatch.concat_distinct(list(map_ordered(written, pieces)))


class _Legs(msgspec.Struct, frozen=True):
    """Per row: whether its payment is of another currency, what it takes of it, and in which."""

    converted: NDArray[np.bool_]
    cash: NDArray[np.int64]
    money: NDArray[np.int64]

    def told(
        self, explanation: Texts, currencies: list[str], exponents: NDArray[np.int64]
    ) -> Texts:
        """`explanation`, and what the row takes of a payment of another currency."""
        if not np.count_nonzero(self.converted):
            return explanation
        cash = amounts(self.cash, exponents[self.money])
        names = Names(currencies).of(self.money)
        return appended(
            explanation, self.converted, " It takes ", cash, " ", names, " of the payment."
        )

    def columns(self, currencies: list[str]) -> dict[str, pa.Array]:
        """The columns that say so, empty where a row is of one currency."""
        if not np.count_nonzero(self.converted):
            return {}
        names = pa.array(currencies or [""], pa.string())
        return {
            "cash_minor": pa.array(self.cash, mask=~self.converted),
            "cash_currency": pc.if_else(
                pa.array(self.converted), names.take(pa.array(self.money)), ""
            ),
        }


def _application_rows(
    intake: Intake,
    conclusion: Conclusion,
    both: Candidates,
    rank: NDArray[np.int64],
    legs: _Legs,
) -> ApplicationBatch:
    """The rows of `both`, candidates that were decided and then those proposed, as they stand."""
    automatic = np.arange(len(both)) < len(conclusion.decided)
    rows, index = both.rows, intake.index
    of, payment = rows.candidate, both.payment[rows.candidate]
    exponents = np.array([exponent_of(code) for code in intake.currencies], dtype=np.int64)
    exponent = exponents[intake.situation.currency[payment]]
    remaining = index.open_minor[rows.item]
    reference = taken(intake.remittances.text("reference"), rows.line)
    explanation, evidence = explain_rows(
        both, index, exponent, conclusion.by[payment], reference, remaining
    )
    confidence = intake.calibration.confidences(
        np.where(automatic, 0, rank), both.strategy, both.uniqueness, both.wrong
    )
    return ApplicationBatch.from_columns(
        {
            "payment_id": taken(intake.payments.text("payment_id"), payment),
            "open_item_id": index.texts("open_item_id", rows.item),
            "customer_id": index.texts("customer_id", rows.item),
            "currency": index.texts("currency", rows.item),
            "decision": _DECISIONS.of(automatic[of].astype(np.int64)),
            "proposal_rank": pa.array(rank[of].astype(np.int32)),
            "applied_minor": rows.cash,
            "discount_minor": rows.discount,
            "deduction_minor": rows.deduction,
            "deduction_reason": _deduction_reasons(intake, rows),
            "write_off_minor": rows.write_off,
            "write_off_reason": _REASONS.of(np.where(rows.write_off != 0, rows.reason, -1)),
            "strategy": _STRATEGIES.of(both.strategy[of]),
            "confidence": confidence[of],
            "uniqueness": _UNIQUENESS.of(both.uniqueness[of]),
            "explanation": legs.told(explanation, intake.currencies, exponents),
            "evidence": evidence,
            **legs.columns(intake.currencies),
        }
    )


def _deduction_reasons(intake: Intake, rows: CandidateRows) -> pa.StringArray:
    """Why each row deducts: what it explains, else what its line states, else that it is short."""
    deducts = rows.deduction != 0
    if not np.count_nonzero(deducts):
        return blanks(len(rows))
    stated = intake.remittances.text("deduction_reason")
    at = np.where(deducts, np.where(rows.line < 0, len(stated) + 1, rows.line), len(stated))
    found = pa.concat_arrays([stated, _SHORT_PAY]).take(pa.array(at))
    return text_of(deducts & (rows.reason != 0), as_column(_REASONS.of(rows.reason)), found)
