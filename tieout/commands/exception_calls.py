"""Calls of `tieout exceptions`, and what they print."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING, Any, Final

import click
from google.protobuf.timestamp_pb2 import Timestamp

from engine.currencies import format_minor, minor_from_text
from tieout.commands.server_options import as_dict
from tieout.v1 import cases_pb2, exception_service_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from google.protobuf.message import Message

    from tieout.client import Client

__all__ = ["Session"]

_PAGE: Final = 1_000
_AMOUNT: Final = 4
"""Place of the amount in a line about a case."""
_DAY_SECONDS: Final = 86_400
_STATES: Final = tuple(one.name for one in cases_pb2.CaseState.DESCRIPTOR.values)


class Session:
    """One server and one way of printing: tables for people, or JSON."""

    def __init__(self, client: Client, *, as_json: bool) -> None:
        """Ask `client`."""
        self._client = client
        self._as_json = as_json

    def act(self, call: str, exception: str, fields: Mapping[str, Any]) -> None:
        """Perform an act and print the case after it."""
        response = self._call(call, exception_id=exception, **fields)
        if self._as_json:
            self._print_json(response.case)
        else:
            click.echo(_line_of(response.case.summary))
            self._print_pending(response.case)

    def list_cases(
        self, states: tuple[str, ...], order: str, limit: int, given: Mapping[str, Any]
    ) -> None:
        """Print cases, at most `limit`."""
        wanted = cases_pb2.CaseFilter(states=[_state(one) for one in states], **given)
        token, left = "", limit
        shown = []
        while left:
            page = self._call(
                "ListCases",
                filter=wanted,
                order_by=order,
                page_size=min(left, _PAGE),
                page_token=token,
            )
            shown += page.cases
            left -= len(page.cases)
            token = page.next_page_token
            if not token:
                break
        if self._as_json:
            click.echo(json.dumps([as_dict(one) for one in shown], indent=2))
            return
        cells = [_cells_of(one) for one in shown]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            click.echo("  ".join(_aligned(row, widths)).rstrip())

    def count_cases(self) -> None:
        """Print how many cases there are of what."""
        response = self._call("CountCases")
        if self._as_json:
            self._print_json(response)
            return
        for count in response.counts:
            click.echo(f"{count.case_count:>9}  {count.facet} {count.value or '(none)'}")

    def show(self, exception: str) -> None:
        """Print everything about a case."""
        response = self._call("GetCase", exception_id=exception)
        if self._as_json:
            self._print_json(response)
            return
        case = response.case
        currency = case.summary.currency_code
        click.echo(_line_of(case.summary))
        payment = response.payment
        if payment.payment_id:
            click.echo(f"  payer      {payment.payer_name} {payment.payer_account}".rstrip())
            for text in payment.remittance_text.splitlines():
                click.echo(f"  text       {text}")
        for line in response.remittance_lines:
            amount = format_minor(line.amount_minor, currency) if line.amount_minor else ""
            click.echo(f"  advice     {line.reference} {amount}".rstrip())
        for item in response.exceptions:
            click.echo(f"  {item.code:<10} {item.message}")
        for one in response.proposals:
            cash = format_minor(one.applied_minor, currency)
            click.echo(
                f"  proposal {one.proposal_rank} {one.open_item_id} {cash} "
                f"({one.confidence:.2%}) {one.explanation}"
            )
        self._print_lines(case)
        self._print_pending(case)
        for act in response.acts:
            when = act.perform_time.ToJsonString()[:16]
            click.echo(f"  act {act.act_number:<3} {when} {act.actor} {act.name}")

    def explain(self, exception: str, company: str, item: str) -> None:
        """Print why not this item."""
        response = self._call(
            "ExplainItem", exception_id=exception, company_id=company, open_item_id=item
        )
        if self._as_json:
            self._print_json(response)
            return
        for sentence in response.obstacles:
            click.echo(f"against: {sentence}")
        for sentence in response.supports:
            click.echo(f"for:     {sentence}")

    def decision(
        self,
        exception: str,
        *,
        items: tuple[str, ...],
        numbers: str,
        remainder: str,
        reason: str,
        link: str,
        customer: str,
        hold: bool,
    ) -> dict[str, Any]:
        """The fields of a decision by hand."""
        entries = []
        if numbers:
            text = sys.stdin.read() if numbers == "-" else numbers
            read = self._call("ReadReferences", exception_id=exception, text=text)
            for part in read.unread:
                click.echo(f"tieout: {part!r} means nothing here", err=True)
            entries += read.entries
        if items:
            summary = self._call("GetCase", exception_id=exception).case.summary
            entries += [_entry(text, summary) for text in items]
        rest = cases_pb2.Remainder(reason=reason, link=link, customer_id=customer)
        if remainder:
            rest.kind = cases_pb2.RemainderKind.Value(f"REMAINDER_KIND_{remainder.upper()}")
        return {"entries": entries, "remainder": rest, "hold": hold}

    def in_days(self, days: int | None) -> Timestamp | None:
        """The moment so many days from now."""
        if days is None:
            return None
        return Timestamp(seconds=int(time.time()) + days * _DAY_SECONDS)

    def last_act(self, exception: str) -> int:
        """The last act that has a standing line; else the last act."""
        response = self._call("GetCase", exception_id=exception)
        gone = {line.entry.reverses for line in response.case.lines}
        standing = [
            line.act_number
            for line in response.case.lines
            if not line.entry.reverses and line.line_number not in gone and line.act_number
        ]
        acts = [act.act_number for act in response.acts]
        last: int = max(standing or acts or [0])
        return last

    def _call(self, name: str, **fields: Any) -> Any:
        request = getattr(exception_service_pb2, f"{name}Request")(**fields)
        return self._client.call(request, getattr(exception_service_pb2, f"{name}Response"))

    def _print_lines(self, case: cases_pb2.Case) -> None:
        for line in case.lines:
            kind = cases_pb2.EntryKind.Name(line.entry.kind).removeprefix("ENTRY_KIND_").lower()
            cash = format_minor(line.entry.cash_minor, case.summary.currency_code)
            undone = f" takes back line {line.entry.reverses}" if line.entry.reverses else ""
            who = ", ".join(line.prepared_by) or "engine"
            click.echo(
                f"  line {line.line_number:<3} {kind} {line.entry.open_item_id} {cash} by {who}"
                f"{undone}"
            )

    def _print_pending(self, case: cases_pb2.Case) -> None:
        currency = case.summary.currency_code
        for demand in case.draft.demands:
            amount = format_minor(demand.amount_minor, currency)
            who = ", ".join(case.draft.prepared_by)
            click.echo(f"  needs a second person (not {who}): {demand.power} {amount}")

    def _print_json(self, message: Message) -> None:
        click.echo(json.dumps(as_dict(message), indent=2))


def _state(name: str) -> cases_pb2.CaseState.ValueType:
    try:
        return cases_pb2.CaseState.Value(f"CASE_STATE_{name.upper()}")
    except ValueError:
        known = [one.removeprefix("CASE_STATE_").lower() for one in _STATES]
        message = f"state {name!r} is not one of {', '.join(known[1:])}"
        raise click.UsageError(message) from None


def _entry(text: str, summary: cases_pb2.CaseSummary) -> cases_pb2.CaseEntry:
    name, equals, amount = text.rpartition("=")
    company, slash, item = name.rpartition("/")
    if not equals or not item:
        message = f"--item {text!r}: expected [COMPANY/]ID=AMOUNT, such as INV-1=95.00"
        raise click.UsageError(message)
    return cases_pb2.CaseEntry(
        kind=cases_pb2.ENTRY_KIND_ITEM,
        company_id=company if slash else summary.company_id,
        open_item_id=item,
        cash_minor=minor_from_text(amount, summary.currency_code),
    )


def _line_of(summary: cases_pb2.CaseSummary) -> str:
    return "  ".join(_cells_of(summary))


def _cells_of(summary: cases_pb2.CaseSummary) -> tuple[str, ...]:
    state = cases_pb2.CaseState.Name(summary.state).removeprefix("CASE_STATE_").lower()
    currency = summary.currency_code
    amount = format_minor(summary.undecided_minor, currency) if currency else ""
    who = summary.lease_holder or summary.assignee
    return (
        summary.case_id,
        state,
        summary.code or "-",
        currency or "-",
        amount or "-",
        summary.customer_id or "-",
        who or "-",
    )


def _aligned(cells: tuple[str, ...], widths: list[int]) -> Iterator[str]:
    """Amounts stand at the right of their column, all else at the left."""
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        yield cell.rjust(width) if at == _AMOUNT else cell.ljust(width)
