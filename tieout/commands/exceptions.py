"""`tieout exceptions`: the clerk's queue from a terminal, with the acts of the workbench."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from tieout.commands.server_options import on_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tieout.client import Client
    from tieout.commands.exception_calls import Session

__all__ = ["exceptions_command"]

_HELP = """Work exceptions on a server: list, look, decide, park, undo.

EXCEPTION is the id of a case, of its payment, or of any of its exceptions. Every act can be tried
with --dry-run and taken back with `undo`. What needs a second person waits for `approve`.

\b
Examples:
  tieout exceptions list --state new --state open --order amount
  tieout exceptions show EXCEPTION
  tieout exceptions accept EXCEPTION
  tieout exceptions resolve EXCEPTION --numbers "INV-1 INV-2" --remainder on_account
  tieout exceptions resolve EXCEPTION --item INV-1=95.00 --remainder deduction --reason freight
  tieout exceptions park EXCEPTION --days 7 --event advice --reason "asked for the advice"
  tieout exceptions undo EXCEPTION

\b
Exit codes:
  0   done
  2   an option or its value is wrong
  65  the request cannot be (a missing reason, an unknown code)
  66  no such case, item or proposal
  69  the server cannot be reached
  75  somebody was faster, or the server is busy; look again and retry
  77  not permitted, or a second person must do it
  3   the rules do not allow it now
"""


@click.group("exceptions", help=_HELP)
def exceptions_command() -> None:
    """A group of commands."""


def _on_server(command: Callable[..., None]) -> Callable[..., Any]:
    """Give `command` the options of a server and a `session`; errors become exit codes."""

    @wraps(command)
    def run(*, client: Client, as_json: bool, **options: Any) -> None:
        from tieout.commands.exception_calls import Session

        command(Session(client, as_json=as_json), **options)

    return on_server(run)


def _act(call: str, line: str, *options: Any) -> Callable[[Callable[..., dict[str, Any]]], Any]:
    """A command that performs `call` on one case with the fields its function gives."""

    def decorate(fields_of: Callable[..., dict[str, Any]]) -> Any:
        @_on_server
        @wraps(fields_of)
        def run(
            session: Session,
            *,
            exception: str,
            etag: str,
            request_id: str,
            dry_run: bool,
            **given: Any,
        ) -> None:
            own = {"etag": etag, "request_id": request_id, "validate_only": dry_run}
            session.act(call, exception, own | fields_of(session, exception, **given))

        command: Any = run
        for option in (*reversed(options), *_ACT_OPTIONS):
            command = option(command)
        command = click.argument("exception", metavar="EXCEPTION")(command)
        name = fields_of.__name__.strip("_").replace("_", "-")
        return exceptions_command.command(name, help=line)(command)

    return decorate


_ACT_OPTIONS: Final = (
    click.option("--dry-run", is_flag=True, help="Say what would happen; keep nothing."),
    click.option("--request-id", default="", help="Your own key: sent again, nothing is repeated."),
    click.option("--etag", default="", help="Only if the case still has this etag."),
)


@exceptions_command.command("list", help="List cases; filters that are repeated widen the choice.")
@click.option("--state", "states", multiple=True, help="Such as new, open, parked.")
@click.option("--code", "codes", multiple=True, help="Exception code, such as AMT-SHORT.")
@click.option("--company", "company_ids", multiple=True, help="Company id.")
@click.option("--currency", "currency_codes", multiple=True, help="ISO 4217 code.")
@click.option("--customer", "customer_ids", multiple=True, help="Customer id.")
@click.option("--assignee", "assignees", multiple=True, help="Whose; empty text: nobody's.")
@click.option("--file", "file_ids", multiple=True, help="Bank file, by its SHA-256.")
@click.option("--mentions-me", "mentions_caller", is_flag=True, help="With notes to you, unread.")
@click.option("--order", type=click.Choice(["raised", "amount", "due"]), default="raised")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True)
@_on_server
def _list(
    session: Session, *, states: tuple[str, ...], order: str, limit: int, **given: Any
) -> None:
    """List."""
    session.list_cases(states, order, limit, given)


@exceptions_command.command("count", help="Count cases by state, code, company and more.")
@_on_server
def _count(session: Session) -> None:
    """Count."""
    session.count_cases()


@exceptions_command.command("show", help="Show one case: money, evidence, proposals, history.")
@click.argument("exception", metavar="EXCEPTION")
@_on_server
def _show(session: Session, *, exception: str) -> None:
    """Show."""
    session.show(exception)


@exceptions_command.command("why", help="Say why a payment is not applied to an item.")
@click.argument("exception", metavar="EXCEPTION")
@click.argument("item", metavar="ITEM")
@click.option("--company", default="", help="Company of the item, if not the payment's.")
@_on_server
def _why(session: Session, *, exception: str, item: str, company: str) -> None:
    """Explain."""
    session.explain(exception, company, item)


@_act("ClaimException", "Take a case to work on it alone for a while.")
def _claim(session: Session, exception: str) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return {}


@_act("ReleaseException", "Let go of a case; picks stay.")
def _release(session: Session, exception: str) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return {}


@_act("TakeOverException", "Take a case that somebody else holds.")
def _take_over(session: Session, exception: str) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return {}


@_act(
    "DecideException",
    "Accept a proposal of the engine.",
    click.option("--rank", type=click.IntRange(1), default=1, show_default=True),
    click.option("--hold", is_flag=True, help="Wait for approval in any case."),
)
def _accept(
    session: Session,  # noqa: ARG001 - one shape
    exception: str,  # noqa: ARG001 - one shape
    *,
    rank: int,
    hold: bool,
) -> dict[str, Any]:
    return {"proposal_rank": rank, "hold": hold}


@_act(
    "DecideException",
    "Decide by hand: items, parts of items, several customers, and what becomes of the rest.",
    click.option("--item", "items", multiple=True, metavar="[COMPANY/]ID=AMOUNT"),
    click.option("--numbers", default="", help="Invoice numbers in any shape; - is stdin."),
    click.option(
        "--remainder",
        default="",
        type=click.Choice(
            ["", "on_account", "refund", "non_ar", "write_off", "deduction", "discount"]
        ),
        help="What becomes of the difference.",
    ),
    click.option("--reason", default="", help="Reason code of a write-off or a deduction."),
    click.option("--link", default="", help="A document or claim that belongs to it."),
    click.option("--customer", default="", help="On whose account, if not the payer's."),
    click.option("--hold", is_flag=True, help="Wait for approval in any case."),
)
def _resolve(session: Session, exception: str, **given: Any) -> dict[str, Any]:
    return session.decision(exception, **given)


@_act(
    "ResolveException",
    "Close a case that has no undecided money.",
    click.option("--resolution", default="nothing_to_do", show_default=True),
    click.option("--comment", default=""),
)
def _close(session: Session, exception: str, **given: Any) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return given


@_act(
    "AssignException",
    "Make a case somebody's; without a name, nobody's.",
    click.option("--to", "assignee", default=""),
    click.option("--backup", default=""),
)
def _assign(session: Session, exception: str, **given: Any) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return given


@_act(
    "ParkException",
    "Put a case aside until a day or an event; its money waits in suspense.",
    click.option("--days", type=click.IntRange(1, 366), help="For so many days."),
    click.option("--event", default="", help="advice, open_item, customer, sales, bank or fact."),
    click.option("--reason", required=True),
)
def _park(
    session: Session, exception: str, *, days: int | None, event: str, reason: str
) -> dict[str, Any]:
    del exception
    return {"until_time": session.in_days(days), "event": event, "reason": reason}


@_act("WakeException", "Bring a parked case back.")
def _wake(session: Session, exception: str) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return {}


@_act(
    "EscalateException",
    "Hand a case up.",
    click.option("--to", required=True),
    click.option("--reason", required=True),
)
def _escalate(session: Session, exception: str, **given: Any) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return given


@_act(
    "NoteException",
    "Say something about a case.",
    click.option("--text", required=True),
    click.option("--mention", "mentions", multiple=True),
)
def _note(session: Session, exception: str, **given: Any) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return given


@_act(
    "IdentifyPayer",
    "Say whose account the payment settles.",
    click.option("--customer", "customer_id", required=True),
)
def _identify(session: Session, exception: str, **given: Any) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return given


@_act(
    "AttachRemittance",
    "Attach what the payer says late; the payment is matched again, nothing is applied.",
    click.option("--text", default="", help="What the payer wrote."),
    click.option(
        "--file",
        "path",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="A table, spreadsheet, EDI 820 or remt.001.",
    ),
)
def _attach(session: Session, exception: str, *, text: str, path: Path | None) -> dict[str, Any]:  # noqa: ARG001 - one shape
    if path is None:
        return {"text": text}
    return {"text": text, "content": path.read_bytes(), "file_name": path.name}


@_act("ApproveException", "Let what somebody else prepared come true.", click.option("--comment"))
def _approve(session: Session, exception: str, *, comment: str | None) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return {"comment": comment or ""}


@_act("RejectException", "Send back what was prepared.", click.option("--reason", required=True))
def _reject(session: Session, exception: str, **given: Any) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return given


@_act("WithdrawException", "Take back what you have prepared, to change it.")
def _withdraw(session: Session, exception: str) -> dict[str, Any]:  # noqa: ARG001 - one shape
    return {}


@_act(
    "UndoException",
    "Take back an act, whole or line by line; without --act the last one that decided something.",
    click.option("--act", "act_number", type=click.IntRange(0), help="0: the engine's."),
    click.option("--line", "line_numbers", type=click.IntRange(1), multiple=True),
    click.option("--reason", default=""),
)
def _undo(
    session: Session,
    exception: str,
    *,
    act_number: int | None,
    line_numbers: tuple[int, ...],
    reason: str,
) -> dict[str, Any]:
    number = session.last_act(exception) if act_number is None else act_number
    return {"act_number": number, "line_numbers": line_numbers, "reason": reason}
