"""What would have to be otherwise for a payment to be decided? Asked of the engine itself.

Each condition changes one fact of the payment's inputs (an item closed, the payer known, a number
named, a dispute settled, the file in order, one key of the policy) and matches the payment again.
Only what then is decided is told, so that every sentence is one the engine keeps.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from engine.batches import CustomerBatch, OpenItemBatch, PaymentBatch
from engine.currencies import format_minor
from engine.errors import PolicyError
from engine.matcher import match_payments
from engine.policy import PolicyBook, ThirdParty
from engine.policy_exchange import Exchange, ExchangeRate
from tieout.progress import quiet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from engine.match_input import MatchInput
    from tieout.explanation import PaymentStory

__all__ = ["WhatIf", "what_ifs"]

_RIVALS_MAX: Final = 6
_CONTESTED: Final = {"AMB-COMPETE", "IN-DUPPAY"}
_NO_COMPANY: Final = {"IN-ACCT", "REF-WRONGCO"}
_ACCOUNT: Final = "DE02120300000000202051"
"""An account nobody in a run has, given to a customer to make a payer known."""

_BUDGETS: Final = (0.0005, 0.001, 0.005, 0.01, 0.05)
_POLICIES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ('automation.mode = "apply"', {"automation": {"mode": "apply"}}),
    ("automation.hold = false", {"automation": {"hold": False}}),
    ("automation.stale_days = 0", {"automation": {"stale_days": 0}}),
    *(
        (f'automation.{limit} = ""', {"automation": {limit: ""}})
        for limit in ("amount_limit", "write_off_limit", "discount_limit")
    ),
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

    `kind`: `alone`, `intake`, `company`, `item`, `payer`, `relation`, `customer`, `dispute`,
    `reference`, `amount`, `rate` or `policy`; `key` names the policy's key; `open_item_ids` are the
    items the payment would be applied to.
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
    codes = {row["code"] for row in story.exceptions}
    if not codes & (_CONTESTED | _NO_COMPANY) and asked.decided(given) is not None:
        return []  # beside fewer items it looks surer than it was in the run: nothing can be told
    told: list[WhatIf] = []
    for kind, tries in (
        ("alone", _alone(given) if codes & _CONTESTED else iter(())),
        ("intake", _in_order(given)),
        ("company", _other_companies(given) if codes & _NO_COMPANY else iter(())),
        ("item", _closed_items(given, story, aim)),
        ("payer", _known_payer(given, story, aim)),
        ("relation", _related(given, story, aim)),
        ("customer", _active(given, story)),
        ("dispute", _released(given, story, aim)),
        ("reference", _named(given, story, aim or _nearest(given, story))),
        ("amount", _other_amount(given, aim)),
        ("rate", _at_a_rate(given, story) if "AMT-FX" in codes else iter(())),
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


def _in_order(given: MatchInput) -> Iterator[_Try]:
    """What its reader held it back for, were not so."""
    held = given.payments.text("intake_codes")[0].as_py()
    if held:
        yield (
            f"nothing were the matter with its file ({held})",
            _with_payment(given, intake_codes=""),
        )


def _other_companies(given: MatchInput) -> Iterator[_Try]:
    """The money of another of our companies."""
    own = given.payments.text("company_id")[0].as_py()
    for name in sorted({*given.open_items.text("company_id").unique().to_pylist()} - {own, ""}):
        yield f"the money were company {name}'s", _with_payment(given, company_id=name)


def _with_payment(given: MatchInput, **facts: str) -> MatchInput:
    payment = given.payments.record_batch
    columns = {name: payment.column(name) for name in PaymentBatch.SCHEMA.names}
    columns |= {name: pa.array([value], pa.string()) for name, value in facts.items()}
    return msgspec.structs.replace(given, payments=PaymentBatch.from_columns(columns))


def _active(given: MatchInput, story: PaymentStory) -> Iterator[_Try]:
    """The customer neither inactive nor blocked."""
    batch, customer = given.customers.record_batch, story.payment["customer_id"]
    own = pc.and_(
        pc.equal(batch.column("customer_id"), customer or ""),
        pc.not_equal(batch.column("status"), "active"),
    )
    if not pc.any(own).as_py():
        return
    columns = {name: batch.column(name) for name in CustomerBatch.SCHEMA.names}
    columns["status"] = pc.if_else(own, "active", batch.column("status"))
    changed = CustomerBatch.from_columns(columns)
    yield f"{customer} were active", msgspec.structs.replace(given, customers=changed)


def _nearest(given: MatchInput, story: PaymentStory) -> list[str]:
    """The open item of the customer whose amount is nearest to the cash, where nothing at all is
    proposed.
    """
    batch, told = given.open_items.record_batch, story.payment
    own = pc.and_(
        pc.equal(batch.column("customer_id"), told["customer_id"] or "\0"),
        pc.equal(batch.column("currency"), told["currency"]),
    )
    rows = batch.filter(pc.and_(own, pc.equal(batch.column("status"), "open"))).to_pylist()
    cash = int(given.payments.int64("amount_minor")[0])
    rows.sort(key=lambda row: (abs(row["open_minor"] - cash), row["open_item_id"]))
    return [row["open_item_id"] for row in rows[:1]]


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
    owners = _owners(given, aim) if aim else _owners(given, _of_the_amount(given, story))
    if len(owners) > (1 if aim else _RIVALS_MAX):
        return
    for owner in owners:
        yield from _known_as(given, owner)


def _known_as(given: MatchInput, owner: str) -> Iterator[_Try]:
    batch = given.customers.record_batch
    chosen = pc.equal(batch.column("customer_id"), owner)
    columns = {name: batch.column(name) for name in CustomerBatch.SCHEMA.names}
    columns["bank_accounts"] = pc.if_else(chosen, _ACCOUNT, batch.column("bank_accounts"))
    payment = given.payments.record_batch
    facts = {name: payment.column(name) for name in PaymentBatch.SCHEMA.names}
    names = batch.filter(chosen).column("name").to_pylist()
    facts |= {"payer_account": [_ACCOUNT], "payer_name": names[:1] or [""]}
    yield (
        f"{owner} were known as the payer",
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
    """Disputed and blocked items of the customer released one by one, cancelled ones opened."""
    batch = given.open_items.record_batch
    cancelled = _of_the_amount(given, story, "cancelled")
    if cancelled:
        yield "what it pays were not cancelled", _opened(given, cancelled)
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
    said = story.payment["remittance_text"] or ""
    named = " ".join([said, *documents]).strip()
    yield f"the payer named {', '.join(documents)}", _with_payment(given, remittance_text=named)


def _of_the_amount(given: MatchInput, story: PaymentStory, status: str = "open") -> list[str]:
    """Items that were billed with exactly the payment's amount."""
    batch = given.open_items.record_batch
    same = pc.and_(
        pc.equal(batch.column("original_minor"), given.payments.int64("amount_minor")[0].item()),
        pc.equal(batch.column("currency"), story.payment["currency"]),
    )
    rows = batch.filter(pc.and_(same, pc.equal(batch.column("status"), status)))
    items: list[str] = rows.column("open_item_id").to_pylist()
    return items


def _opened(given: MatchInput, items: Sequence[str]) -> MatchInput:
    batch = given.open_items.record_batch
    chosen = pc.is_in(batch.column("open_item_id"), value_set=pa.array(items, pa.string()))
    columns = {name: batch.column(name) for name in OpenItemBatch.SCHEMA.names}
    columns["status"] = pc.if_else(chosen, "open", batch.column("status"))
    whole, left = batch.column("original_minor"), batch.column("open_minor")
    columns["open_minor"] = pc.if_else(chosen, whole, left)
    return msgspec.structs.replace(given, open_items=OpenItemBatch.from_columns(columns))


def _related(given: MatchInput, story: PaymentStory, aim: list[str]) -> Iterator[_Try]:
    """The payer declared to pay for the owners of the aim's items."""
    payer = story.payment["payer_customer_id"] or ""
    owners = sorted({*_owners(given, aim)} - {payer})
    if not payer or not owners:
        return
    declared = ThirdParty(customer=payer, pays_for=tuple(owners))
    policy = msgspec.structs.replace(
        given.policy, third_parties=(*given.policy.third_parties, declared)
    )
    condition = f"{payer} were declared to pay for {', '.join(owners)}"
    yield condition, msgspec.structs.replace(given, policy=policy)


def _other_amount(given: MatchInput, aim: list[str]) -> Iterator[_Try]:
    """The payment as large as the items of the aim are worth."""
    batch = given.open_items.record_batch
    of = pc.is_in(batch.column("open_item_id"), value_set=pa.array(aim, pa.string()))
    worth = sum(batch.filter(of).column("open_minor").to_pylist())
    payment = given.payments.record_batch
    if worth <= 0 or worth == payment.column("amount_minor")[0].as_py():
        return
    columns = {name: payment.column(name) for name in PaymentBatch.SCHEMA.names}
    columns["amount_minor"] = pa.array([worth], pa.int64())
    money = format_minor(worth, payment.column("currency")[0].as_py())
    changed = PaymentBatch.from_columns(columns)
    yield f"{money} had been paid", msgspec.structs.replace(given, payments=changed)


def _at_a_rate(given: MatchInput, story: PaymentStory) -> Iterator[_Try]:
    """A declared rate at which one item of another currency that it names is worth the payment."""
    paid_in, said = story.payment["currency"], story.payment["remittance_text"] or ""
    for row in given.open_items.record_batch.to_pylist():
        named = row["document_number"] and row["document_number"] in said
        if not named or row["currency"] == paid_in or row["open_minor"] <= 0:
            continue
        worth = Decimal(format_minor(row["open_minor"], row["currency"]))
        rate = round(worth / Decimal(story.payment["amount"]), 6)
        declared = ExchangeRate(
            paid_in=paid_in,
            items_in=row["currency"],
            rate=str(rate),
            on=given.payments.days("value_date")[0].astype("datetime64[D]").item(),
        )
        exchange = Exchange(rates=(declared,))
        policy = msgspec.structs.replace(given.policy, exchange=exchange)
        condition = f"a rate of {rate} {row['currency']} for a {paid_in} were declared"
        yield condition, msgspec.structs.replace(given, policy=policy)


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
