"""What would have to be otherwise for a payment to be decided? Asked of the engine itself.

Each condition changes one fact of the payment's inputs (an item closed, the payer known, a number
named, a dispute settled, one key of the policy) and matches the payment again. Only what then is
decided is told, so that every sentence is one the engine keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.errors import PolicyError
from engine.matcher import match_payments
from engine.policy import PolicyBook
from tieout.progress import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.match_input import MatchInput
    from tieout.explanation import PaymentStory

__all__ = ["WhatIf", "what_ifs"]

_RIVALS_MAX: Final = 6
_CONTESTED: Final = {"AMB-COMPETE", "IN-DUPPAY"}
_ACCOUNT: Final = "DE02120300000000202051"
"""An account nobody in a run has, given to a customer to make a payer known."""

_BUDGETS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05)
_POLICIES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ('automation.mode = "apply"', {"automation": {"mode": "apply"}}),
    ('automation.precision = "ignore"', {"automation": {"precision": "ignore"}}),
    ('strategies.unique_amounts = "apply"', {"strategies": {"unique_amounts": "apply"}}),
    ("strategies.future_items = true", {"strategies": {"future_items": True}}),
    ("discount.grace_days = 7", {"discount": {"grace_days": 7}}),
    ("discount.grace_days = 30", {"discount": {"grace_days": 30}}),
    ("discount.allow_unearned = true", {"discount": {"allow_unearned": True}}),
    ("short_pay.book_deduction = true", {"short_pay": {"book_deduction": True}}),
    *(
        (
            f'tolerance.under = {{ amount = "{amount}", percent = "{percent}" }}',
            {"tolerance": {"under": {"amount": amount, "percent": percent}}},
        )
        for amount, percent in (("5.00", "1.0"), ("25.00", "2.0"), ("100.00", "5.0"))
    ),
    *(
        (f"automation.wrong_budget = {budget:g}", {"automation": {"wrong_budget": budget}})
        for budget in _BUDGETS
    ),
)
"""Changes of the policy that are tried, each key from careful to bold; the first that helps is
told."""


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """One condition and what the engine would do under it.

    `kind`: `alone`, `item`, `payer`, `reference`, `dispute` or `policy`; `key` names the policy's
    key; `open_item_ids` are the items the payment would be applied to.
    """

    kind: str
    condition: str
    key: str
    open_item_ids: list[str]
    strategy: str


def what_ifs(
    given: MatchInput, story: PaymentStory, wanted: Sequence[str] | None = None
) -> list[WhatIf]:
    """Conditions under which the payment would be decided, each tried; the least change first.

    `wanted` are items the payment should be applied to; those of the best proposal if not given.
    """
    best = [row["open_item_id"] for row in story.proposals if row["proposal_rank"] == 1]
    aim = list(wanted) if wanted is not None else best
    asked = _Asked(given, aim, strict=wanted is not None)
    contested = {row["code"] for row in story.exceptions} & _CONTESTED
    if not contested and asked.decided(given) is not None:
        return []  # beside fewer items it looks surer than it was in the run: nothing can be told
    told: list[WhatIf] = []
    for kind, tries in (
        ("alone", _alone(given)),
        ("item", _closed_items(given, story, aim)),
        ("payer", _known_payer(given, story, aim)),
        ("dispute", _released(given, story, aim)),
        ("reference", _named(given, story, aim)),
    ):
        told += asked.first_of_each(kind, tries)
        if kind == "alone" and told:
            return told
    return told + asked.policies() if aim or story.payment["customer_id"] else told


class _Asked:
    """Asks the engine, and remembers what counts as an answer."""

    def __init__(self, given: MatchInput, aim: list[str], *, strict: bool) -> None:
        """`strict`: only decisions for exactly the items of `aim` count."""
        self._given = given
        self._aim = sorted(aim)
        self._strict = strict

    def decided(self, given: MatchInput) -> tuple[list[str], str] | None:
        """Items and strategy of an automatic decision, None where there is none that counts."""
        result = match_payments(given, quiet)
        rows = result.applications.record_batch
        rows = rows.filter(pc.equal(rows.column("decision"), "auto"))
        items = sorted(rows.column("open_item_id").to_pylist())
        if not items or (self._strict and items != self._aim):
            return None
        return items, rows.column("strategy")[0].as_py()

    def first_of_each(self, kind: str, tries: Iterator[_Try]) -> list[WhatIf]:
        """The conditions of `tries` under which there is a decision."""
        told = []
        for condition, given in tries:
            answer = self.decided(given)
            if answer is not None:
                told.append(_what_if(kind, condition, "", answer))
        return told

    def policies(self) -> list[WhatIf]:
        """Per key of the policy the first change that leads to a decision."""
        told: dict[str, WhatIf] = {}
        for text, change in _POLICIES:
            key = text.split(" = ")[0]
            if key in told:
                continue
            try:
                policy = _changed(self._given.policy, change)
            except PolicyError:
                continue
            answer = self.decided(msgspec.structs.replace(self._given, policy=policy))
            if answer is not None:
                told[key] = _what_if("policy", f"the policy said {text}", key, answer)
        return list(told.values())


def _what_if(kind: str, condition: str, key: str, answer: tuple[list[str], str]) -> WhatIf:
    items, strategy = answer
    return WhatIf(kind=kind, condition=condition, key=key, open_item_ids=items, strategy=strategy)


_Try = tuple[str, "MatchInput"]
"""A condition in words, and the inputs as they would be under it."""


def _alone(given: MatchInput) -> Iterator[_Try]:
    yield "no other payment wanted the same items", given


def _closed_items(given: MatchInput, story: PaymentStory, aim: list[str]) -> Iterator[_Try]:
    """Rivals of the aim closed one by one, then all of them."""
    rivals: dict[str, str] = {}
    for row in story.proposals:
        if row["open_item_id"] not in aim:
            rivals.setdefault(row["open_item_id"], _document(row))
    names = list(rivals)[:_RIVALS_MAX]
    for name in names:
        yield f"{rivals[name]} were not open", _without(given, [name])
    if len(names) > 1:
        together = ", ".join(rivals[name] for name in names[:-1])
        condition = f"{together} and {rivals[names[-1]]} were not open"
        yield condition, _without(given, names)


def _without(given: MatchInput, items: Sequence[str]) -> MatchInput:
    """`given` without `items`: kept as paid ones they would look like a second payment's."""
    batch = given.open_items.record_batch
    gone = pc.is_in(batch.column("open_item_id"), value_set=pa.array(items, pa.string()))
    kept = OpenItemBatch.of(batch.filter(pc.invert(gone)))
    return msgspec.structs.replace(given, open_items=kept)


def _with_status(given: MatchInput, items: Sequence[str], status: str) -> MatchInput:
    batch = given.open_items.record_batch
    chosen = pc.is_in(batch.column("open_item_id"), value_set=pa.array(items, pa.string()))
    columns = {name: batch.column(name) for name in OpenItemBatch.SCHEMA.names}
    columns["status"] = pc.if_else(chosen, status, batch.column("status"))
    return msgspec.structs.replace(given, open_items=OpenItemBatch.from_columns(columns))


def _known_payer(given: MatchInput, story: PaymentStory, aim: list[str]) -> Iterator[_Try]:
    """The owner of the aim's items known as the payer, by an account of its own."""
    owners = _owners(given, aim)
    if len(owners) != 1 or story.payment["payer_customer_id"] in owners:
        return
    batch = given.customers.record_batch
    chosen = pc.equal(batch.column("customer_id"), owners[0])
    columns = {name: batch.column(name) for name in CustomerBatch.SCHEMA.names}
    columns["bank_accounts"] = pc.if_else(chosen, _ACCOUNT, batch.column("bank_accounts"))
    payment = given.payments.record_batch
    facts = {name: payment.column(name) for name in PaymentBatch.SCHEMA.names}
    names = batch.filter(chosen).column("name").to_pylist()
    facts |= {"payer_account": [_ACCOUNT], "payer_name": names[:1] or [""]}
    yield (
        f"{owners[0]} were known as the payer",
        msgspec.structs.replace(
            given,
            customers=CustomerBatch.from_columns(columns),
            payments=PaymentBatch.from_columns(facts),
        ),
    )


def _owners(given: MatchInput, items: list[str]) -> list[str]:
    batch = given.open_items.record_batch
    of = pc.is_in(batch.column("open_item_id"), value_set=pa.array(items, pa.string()))
    owners: list[str] = batch.filter(of).column("customer_id").unique().to_pylist()
    return owners


def _released(given: MatchInput, story: PaymentStory, aim: list[str]) -> Iterator[_Try]:
    """Disputed and blocked items of the customer: released one by one."""
    batch = given.open_items.record_batch
    people = {story.payment["customer_id"], *_owners(given, aim)} - {None}
    own = pc.is_in(batch.column("customer_id"), value_set=pa.array(sorted(people), pa.string()))
    kept = pc.is_in(batch.column("status"), value_set=pa.array(["disputed", "blocked"]))
    rows = batch.filter(pc.and_(own, kept)).to_pylist()
    for row in rows[:_RIVALS_MAX]:
        condition = f"{row['document_number']} were no longer {row['status']}"
        yield condition, _with_status(given, [row["open_item_id"]], "open")


def _named(given: MatchInput, story: PaymentStory, aim: list[str]) -> Iterator[_Try]:
    """The payer named the items of the aim."""
    if not aim:
        return
    batch = given.open_items.record_batch
    of = pc.is_in(batch.column("open_item_id"), value_set=pa.array(aim, pa.string()))
    documents = batch.filter(of).column("document_number").to_pylist()
    if not documents:
        return
    payment = given.payments.record_batch
    columns = {name: payment.column(name) for name in PaymentBatch.SCHEMA.names}
    said = story.payment["remittance_text"] or ""
    columns["remittance_text"] = [" ".join([said, *documents]).strip()]
    changed = PaymentBatch.from_columns(columns)
    yield (
        f"the payer named {', '.join(documents)}",
        msgspec.structs.replace(given, payments=changed),
    )


def _document(row: dict[str, Any]) -> str:
    evidence = row["evidence"]
    return str(evidence["document_number"]) if isinstance(evidence, dict) else row["open_item_id"]


def _changed(book: PolicyBook, change: dict[str, Any]) -> PolicyBook:
    """`book` with single keys replaced in every one of its policies."""

    def merged(old: Any, new: dict[str, Any]) -> Any:
        content = msgspec.to_builtins(old)
        for section, keys in new.items():
            content[section] = content[section] | keys
        return msgspec.convert(content, type(old))

    return PolicyBook(
        default=merged(book.default, change),
        companies={name: merged(one, change) for name, one in book.companies.items()},
        profiles={name: merged(one, change) for name, one in book.profiles.items()},
    )
