"""What a queue shows, as its address says it: filters, search, order and place. URL = view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

import msgspec

from tieout.v1 import cases_pb2, exception_service_pb2

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

__all__ = [
    "FACET_FIELDS",
    "OPEN_STATES",
    "ORDERS",
    "TEXT_LENGTH_MAX",
    "QueueQuery",
    "query_of",
    "state_name",
]

OPEN_STATES: Final = ("new", "open", "in_work", "rejected", "escalated", "reversed", "post_failed")
"""What there is to work on: the queue's own choice where the address names no state."""

TEXT_LENGTH_MAX: Final = 200
"""Characters of a search; what is longer is cut."""

ORDERS: Final = ("due", "raised", "amount")
"""Orders, the usual one first."""

_STATE_PREFIX: Final = "CASE_STATE_"


class QueueQuery(msgspec.Struct, frozen=True, kw_only=True):
    """One view of the queue. `after` is the token of a page, empty for the first."""

    states: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    companies: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    ages: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    text: str = ""
    is_mentioned: bool = False
    order: str = ORDERS[0]
    after: str = ""

    def address(self, path: str = "/", **changes: object) -> str:
        """`path` with this view, `changes` made; a change of filters starts at the first page."""
        moved = {} if "after" in changes else {"after": ""}
        changed = msgspec.structs.replace(self, **(moved | changes))
        pairs = changed.pairs()
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def here(self, path: str) -> str:
        """`path` with this very view, its place in the list included."""
        return self.address(path, after=self.after)

    def pairs(self) -> list[tuple[str, str]]:
        """The view as parameters of an address, in one order."""
        found = [
            (name, value) for name, field in _PARAMETERS.items() for value in getattr(self, field)
        ]
        if self.text:
            found.append(("q", self.text))
        if self.is_mentioned:
            found.append(("mentioned", "1"))
        if self.order != ORDERS[0]:
            found.append(("sort", self.order))
        if self.after:
            found.append(("after", self.after))
        return found

    def request(self, rows: int) -> exception_service_pb2.ListCasesRequest:
        """The call that gives the page of so many rows."""
        return exception_service_pb2.ListCasesRequest(
            filter=self.filter(),
            order_by=self.order,
            page_size=rows,
            page_token=self.after,
        )

    def filter(self) -> cases_pb2.CaseFilter:
        """The filter of the contract."""
        states = self._open_states()
        return cases_pb2.CaseFilter(
            states=[cases_pb2.CaseState.Value(f"{_STATE_PREFIX}{one.upper()}") for one in states],
            codes=self.codes,
            company_ids=self.companies,
            currency_codes=self.currencies,
            customer_ids=self.customers,
            assignees=self.assignees,
            file_ids=self.files,
            bank_accounts=self.accounts,
            ages=self.ages,
            amount_bands=self.amounts,
            text=self.text,
            mentions_caller=self.is_mentioned,
        )

    def _open_states(self) -> tuple[str, ...]:
        """States of an address that names none; a mention counts in whatever state."""
        return self.states or (() if self.is_mentioned else OPEN_STATES)

    def toggled(self, facet: str, value: str) -> str:
        """The address of the queue with one value of a facet more, or less."""
        field = FACET_FIELDS[facet]
        chosen: tuple[str, ...] = getattr(self, field)
        if facet == "state":
            chosen = self._open_states()
        others = tuple(one for one in chosen if one != value)
        changed = others if value in chosen else (*chosen, value)
        if facet == "state" and set(changed) == set(OPEN_STATES) and not self.is_mentioned:
            changed = ()
        return self.address("/", **{field: changed})

    def chosen(self, facet: str) -> tuple[str, ...]:
        """The values of a facet that are chosen; of states, those that are open by themselves."""
        values: tuple[str, ...] = getattr(self, FACET_FIELDS[facet])
        return self._open_states() if facet == "state" else values

    @property
    def is_filtered(self) -> bool:
        """Whether the view is narrower than everything there is to work on."""
        chosen = any(getattr(self, field) for field in FACET_FIELDS.values())
        return chosen or bool(self.text) or self.is_mentioned


_PARAMETERS: Final = {
    "state": "states",
    "code": "codes",
    "company": "companies",
    "currency": "currencies",
    "customer": "customers",
    "assignee": "assignees",
    "file": "files",
    "account": "accounts",
    "age": "ages",
    "amount": "amounts",
}
"""Parameter of the address → field."""

FACET_FIELDS: Final = {
    "state": "states",
    "code": "codes",
    "age": "ages",
    "amount": "amounts",
    "assignee": "assignees",
    "company_id": "companies",
    "bank_account": "accounts",
    "currency": "currencies",
    "file_id": "files",
}
"""Facet of the contract → field, in the order the queue shows them."""

_STATES: Final = frozenset(
    one.removeprefix(_STATE_PREFIX).lower() for one in cases_pb2.CaseState.keys()[1:]
)


def query_of(parameters: QueryParams) -> QueueQuery:
    """The view an address says; what it says wrongly is left out."""
    chosen = {
        field: tuple(dict.fromkeys(parameters.getlist(name))) for name, field in _PARAMETERS.items()
    }
    chosen["states"] = tuple(one for one in chosen["states"] if one in _STATES)
    order = parameters.get("sort", ORDERS[0])
    return QueueQuery(
        **chosen,
        text=parameters.get("q", "").strip()[:TEXT_LENGTH_MAX],
        is_mentioned=parameters.get("mentioned", "") == "1",
        order=order if order in ORDERS else ORDERS[0],
        after=parameters.get("after", ""),
    )


def state_name(state: cases_pb2.CaseState.ValueType) -> str:
    """The word of a state, as the desk has it."""
    return cases_pb2.CaseState.Name(state).removeprefix(_STATE_PREFIX).lower()
