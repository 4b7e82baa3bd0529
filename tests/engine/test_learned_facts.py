"""Learned facts against a slow twin: what holds on which day, for whom, and what proves nothing."""

from __future__ import annotations

import datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from oracles.fact_oracle import said_of
from random_worlds import CALM, matched

from engine.batches import CustomerBatch, LearnedFactBatch, OpenItemBatch, PaymentBatch
from engine.customer_directory import CustomerDirectory, company_key
from engine.learned_facts import LearnedFacts, name_keys
from engine.match_input import MatchInput
from engine.owner_table import NOBODY, SEVERAL
from engine.policy import Learning, Policy, PolicyBook

EPOCH = datetime.date(1970, 1, 1)
FAMILIES = {"C1": "C1", "C2": "C1", "C3": "C3"}
NAMES = ("Sunrise Trading", "Ember Online", "Quarry 24")
DAYS = st.dates(datetime.date(2026, 1, 1), datetime.date(2026, 3, 31))
CUSTOMERS = CustomerBatch.from_columns(
    {
        "customer_id": ["C1", "C2", "C3"],
        "company_id": ["US01"] * 3,
        "name": ["Parent Works", "Child Works", "Stranger Works"],
        "parent_customer_id": ["", "C1", ""],
        "status": ["active"] * 3,
    }
)


@st.composite
def facts(draw):
    rows = []
    for number in range(draw(st.integers(0, 8))):
        learned = draw(DAYS)
        rows.append(
            {
                "fact_id": str(number),
                "kind": draw(st.sampled_from(["alias", "alias", "alias", "not_alias"])),
                "company_id": "US01",
                "value": draw(st.sampled_from([*NAMES, *(name.upper() for name in NAMES)])),
                "customer_id": draw(st.sampled_from(["C1", "C2", "C3", "GONE"])),
                "source": draw(st.sampled_from(["clerk", "clerk", "references"])),
                "learned_on": learned,
                "confirmed_on": learned + datetime.timedelta(draw(st.integers(0, 30))),
                "confirmations": draw(st.integers(1, 4)),
                "revoked_on": draw(st.none() | DAYS),
            }
        )
    return rows


def batch(rows):
    names = dict.fromkeys(name for row in rows for name in row)
    return LearnedFactBatch.from_columns({name: [row[name] for row in rows] for name in names})


@CALM
@given(facts(), DAYS, st.integers(1, 60))
def test_what_is_said_of_a_name_is_what_a_clerk_would_say(rows, day, days):
    policy = PolicyBook(default=Policy(learning=Learning(confirmed_days=days, confirmations_min=3)))
    directory = CustomerDirectory.of(CUSTOMERS, OpenItemBatch.empty())
    learned = LearnedFacts.of(batch(rows), directory, policy, (day - EPOCH).days)
    keys = name_keys(pa.array(NAMES))
    scoped = company_key(pa.repeat(pa.scalar("US01"), len(NAMES)), keys)
    ids = directory.customer_ids.to_pylist()
    for place, name in enumerate(NAMES):
        expected = said_of(rows, name, day, FAMILIES, days=days, least=3)
        for table, said in zip((learned.aliases, learned.stale_aliases), expected, strict=True):
            found = table.look_up(scoped)
            denied = learned.deny(keys, found)[place]
            number = NOBODY if denied else int(found[place])
            got = {NOBODY: "", SEVERAL: "several"}.get(number) if number < 0 else ids[number]
            assert got == said


def world(learned):
    return MatchInput(
        customers=CUSTOMERS,
        learned=learned,
        open_items=OpenItemBatch.from_columns(
            {
                "open_item_id": ["I1", "I2", "I3"],
                "company_id": ["US01"] * 3,
                "customer_id": ["C1", "C2", "C3"],
                "document_number": ["INV-1001", "INV-1002", "INV-1003"],
                "currency": ["USD"] * 3,
                "original_minor": [4_117_23, 2_050_91, 7_731_07],
                "open_minor": [4_117_23, 2_050_91, 7_731_07],
                "status": ["open"] * 3,
            }
        ),
        payments=PaymentBatch.from_columns(
            {
                "payment_id": ["P1", "P2", "P3"],
                "company_id": ["US01"] * 3,
                "payer_name": list(NAMES),
                "currency": ["USD"] * 3,
                "amount_minor": [4_117_23, 2_050_91, 7_731_07],
                "value_date": [datetime.date(2026, 3, 1)] * 3,
            }
        ),
        as_of=datetime.date(2026, 3, 1),
    )


@CALM
@given(st.data())
def test_the_order_of_facts_plays_no_part(data):
    rows = data.draw(facts())
    other = data.draw(st.permutations(rows))
    assert matched(world(batch(rows))) == matched(world(batch(other)))


@CALM
@given(facts())
def test_facts_of_the_future_or_of_nobody_change_nothing(rows):
    later = [row | {"learned_on": datetime.date(2026, 3, 2)} for row in rows]
    gone = [row | {"customer_id": "GONE"} for row in rows]
    plain = matched(world(LearnedFactBatch.empty()))
    assert matched(world(batch(later))) == plain
    assert matched(world(batch(gone))) == plain
