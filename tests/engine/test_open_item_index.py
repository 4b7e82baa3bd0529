"""Items stand in canonical order under their owners, in whatever order their rows come."""

from __future__ import annotations

import datetime
from operator import itemgetter

from hypothesis import given
from hypothesis import strategies as st

from engine.batches import CustomerBatch, OpenItemBatch
from engine.customer_directory import CustomerDirectory
from engine.open_item_index import build_index

NAMES = ("company_id", "customer_id", "open_item_id", "currency", "due_date")

ITEM = st.tuples(
    st.sampled_from(["A", "B", ""]),
    st.sampled_from(["1", "2", "10", ""]),
    st.text("019Ää", max_size=3),
    st.sampled_from(["EUR", "USD"]),
    st.none() | st.sampled_from([datetime.date(2026, 3, 1), datetime.date(2026, 3, 9)]),
)
ROWS = st.lists(ITEM, max_size=30, unique_by=itemgetter(0, 2))


def as_batch(rows) -> OpenItemBatch:
    columns = zip(*rows, strict=True) if rows else [()] * len(NAMES)
    return OpenItemBatch.from_columns(
        {name: list(column) for name, column in zip(NAMES, columns, strict=True)}, len(rows)
    )


def canonical(row):
    company, customer, identity, currency, due = row
    return company, customer, currency, due or datetime.date.min, identity.encode()


@given(rows=ROWS, data=st.data())
def test_items_stand_by_owner_currency_due_date_and_id(rows, data):
    master = CustomerBatch.from_columns({"company_id": ["A", "B"], "customer_id": ["2", "3"]})
    for given_rows in (data.draw(st.permutations(rows)), sorted(rows, key=itemgetter(0, 2))):
        items = as_batch(given_rows)
        directory = CustomerDirectory.of(master, items)
        index = build_index(items, directory, ["EUR", "USD"])
        expected = sorted(rows, key=canonical)
        assert [given_rows[row] for row in index.order.tolist()] == expected
        keys = directory.keys.to_pylist()
        assert [keys[one].split("\x1f") for one in index.customer.tolist()] == [
            [company, customer] for company, customer, *_ in expected
        ]
