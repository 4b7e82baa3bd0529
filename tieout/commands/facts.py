"""`tieout facts`: what a server was taught about payers, and until when it counts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.commands.server_options import as_dict, on_server

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

    from tieout.client import Client
    from tieout.v1 import fact_service_pb2

__all__ = ["facts_command"]

_CODES: Final = """
\b
Exit codes:
  0   done
  2   an option or its value is wrong
  65  the day is past, or later than the rules let a fact count
  66  no such fact, or it was taken back
  69  the server cannot be reached
  75  the server is busy; retry
  77  not permitted
"""
_HELP = (
    """What people taught a server about payers: names, accounts, who pays for whom.

A fact is named by the case and the line it was taught in. It is taken back with the act that taught
it: `tieout exceptions show CASE` names the act of each line, `tieout exceptions undo CASE --act N`
takes it back. Without a server the same is done on files by `tieout memory`.

\b
Examples:
  tieout facts list --customer C-1042
  tieout facts show 9f2c81d2a97b3e44 1
  tieout facts expire 9f2c81d2a97b3e44 1 --on 2026-12-31
"""
    + _CODES
)
_KINDS: Final = ("alias", "payer_account", "pays_for", "not_alias", "not_account")
_SHOWN: Final = 100


@click.group("facts", help=_HELP)
def facts_command() -> None:
    """The group of commands."""


def _command(name: str, text: str) -> Callable[[Callable[..., Any]], Any]:
    """A command of the group, with the options of a server."""

    def decorate(run: Callable[..., Any]) -> Any:
        return facts_command.command(name, help=text + "\n" + _CODES)(on_server(run))

    return decorate


_case = click.argument("case", metavar="CASE")
_line = click.argument("line", metavar="LINE", type=click.IntRange(1))


@_command("list", "List facts, the latest first.")
@click.option("--kind", type=click.Choice(_KINDS), help="Facts of this kind only.")
@click.option("--company", default="", help="Facts of this company only.")
@click.option("--customer", default="", help="Facts about this customer only.")
@click.option("--revoked", is_flag=True, help="Those taken back as well.")
@click.option("--limit", type=click.IntRange(1), default=_SHOWN, show_default=True)
def _list(
    *,
    client: Client,
    as_json: bool,
    kind: str | None,
    company: str,
    customer: str,
    revoked: bool,
    limit: int,
) -> None:
    """List facts."""
    from tieout.v1 import fact_service_pb2 as contract

    request = contract.ListFactsRequest(
        kind=kind or "",
        company_id=company,
        customer_id=customer,
        with_revoked=revoked,
        page_size=min(limit, 1_000),
    )
    shown: list[fact_service_pb2.Fact] = []
    for page in client.pages(request, contract.ListFactsResponse):
        shown += page.facts
        if len(shown) >= limit:
            break
    if as_json:
        click.echo(json.dumps([as_dict(one) for one in shown[:limit]], indent=2))
        return
    for fact in shown[:limit]:
        for line in _lines_of(fact):
            click.echo(line)


@_command("show", "Show a fact and the payments of the last year it tells the payer of.")
@_case
@_line
def _show(*, client: Client, as_json: bool, case: str, line: int) -> None:
    """Show one fact."""
    from engine.currencies import format_minor
    from tieout.v1 import fact_service_pb2 as contract

    request = contract.GetFactRequest(case_id=case, line_number=line)
    answer = client.call(request, contract.GetFactResponse)
    if as_json:
        click.echo(json.dumps(as_dict(answer), indent=2))
        return
    for text in _lines_of(answer.fact):
        click.echo(text)
    click.echo(
        f"  payments: {answer.before_count} before it was taught, {answer.yield_count} of the "
        f"customer since, {answer.false_count} of others or taken back"
    )
    for one in answer.payments:
        amount = format_minor(one.amount_minor, one.currency_code)
        undone = "  taken back" if one.is_reversed else ""
        click.echo(
            f"  {one.payment_id}  {one.value_date}  {amount} {one.currency_code}  "
            f"{one.customer_id or '-'}{undone}"
        )


@_command(
    "expire",
    "Set the last day a fact counts. Whoever does confirms it as of today: it may count as long as "
    "the rules let a confirmed fact count, or shorter.",
)
@_case
@_line
@click.option("--on", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Its last day.")
@click.option("--etag", default="", help="Only if the fact still has this etag.")
def _expire(
    *, client: Client, as_json: bool, case: str, line: int, on: datetime.datetime, etag: str
) -> None:
    """Say until when a fact counts."""
    from tieout.v1 import fact_service_pb2 as contract

    request = contract.ChangeFactExpiryRequest(
        case_id=case, line_number=line, expire_date=on.date().isoformat(), etag=etag
    )
    fact = client.call(request, contract.ChangeFactExpiryResponse).fact
    if as_json:
        click.echo(json.dumps(as_dict(fact), indent=2))
        return
    for text in _lines_of(fact):
        click.echo(text)


def _lines_of(fact: fact_service_pb2.Fact) -> Iterator[str]:
    """A fact in two lines: what it says and how long; who taught it and where."""
    if fact.revoker:
        until = f"taken back by {fact.revoker} on {fact.revoke_time.ToJsonString()[:10]}"
    elif fact.expire_date_setter:
        until = f"until {fact.expire_date}, as {fact.expire_date_setter} said"
    else:
        until = f"until {fact.expire_date}, unless confirmed"
    customer = f"{fact.company_id}/{fact.customer_id}"
    yield f"{fact.case_id} {fact.line_number}  {fact.kind}  {customer}  {fact.value}  {until}"
    taught = fact.teach_time.ToJsonString()[:10]
    yield f"  taught by {fact.teacher} on {taught}, payment {fact.payment_id}"
