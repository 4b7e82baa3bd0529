"""`tieout memory`: what decisions taught about payers: learn, look, take back, forget."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from engine.batches import Batch
    from tieout.payer_memory import RelianceBatch

__all__ = [
    "forget_command",
    "learn_command",
    "list_command",
    "memory_command",
    "revoke_command",
]

_LEARN_HELP = """Learn from decisions about the payments of RUN, into the memory DIR.

DECISIONS is a CSV file: payment_id, decision (accept or reject), customer_id, and optionally
open_items (of a rejected set, separated by ;), decided_by, decided_on. An accepted payment teaches
that its name and account are the customer's; or, where another customer paid, that he may pay for
this one. A rejected one teaches the opposite, or that the set is not what it pays.

\b
Example:
  tieout memory learn memory --run runs/2026-10-30 --decisions decisions.csv --by m.weber
"""
_REVOKE_HELP = """Take a fact back, and list the applications that relied on it.

The fact stays in the memory with who revoked it and when; matches as of that day no longer use it.
The list is what to check: payments whose payer was known by this fact, and what they settled.
"""
_FORGET_HELP = """Remove a fact and what relied on it, without a trace.

For names and accounts that may not be kept. To correct a mistake use revoke, which is recorded.
"""


def _today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


@click.group("memory", help="What was learned about payers: learn, list, revoke, forget.")
def memory_command() -> None:
    """Group the commands."""


_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
_JSON = click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
_ON = click.option(
    "--on", type=click.DateTime(["%Y-%m-%d"]), help="Day of the decision; today where not given."
)


@memory_command.command("learn", help=_LEARN_HELP)
@_FOLDER
@click.option("--run", "run", required=True, type=click.Path(path_type=Path), help="Run directory.")
@click.option(
    "--decisions", required=True, type=click.Path(path_type=Path), help="CSV of decisions."
)
@click.option("--by", required=True, help="Who decided, where the file does not say.")
@_ON
@_JSON
def learn_command(
    *,
    folder: Path,
    run: Path,
    decisions: Path,
    by: str,
    on: datetime.datetime | None,
    as_json: bool,
) -> None:
    """Learn and say how many facts there are now."""
    from tieout.payer_lessons import lessons_of_decisions, read_decisions
    from tieout.payer_memory import PayerMemory
    from tieout.run_directory import RunDirectory
    from tieout.run_memory import locked_memory

    found = read_decisions(decisions, by, on.date() if on else _today())
    lessons = lessons_of_decisions(found, RunDirectory.open(run).table("payments"))
    folder.mkdir(parents=True, exist_ok=True)
    with locked_memory(folder):
        before = PayerMemory.read(folder)
        after = before.taught(lessons)
        after.write()
    told: dict[str, object] = {
        "decisions": len(found),
        "lessons": len(lessons),
        "new_facts": len(after.facts) - len(before.facts),
        "facts": len(after.facts),
    }
    _say(told, as_json=as_json, line="{decisions} decisions, {new_facts} new facts, {facts} in all")


@memory_command.command("list")
@_FOLDER
@click.option("--customer", help="Only facts of this customer id.")
@click.option("--kind", help="Only facts of this kind (alias, payer_account, pays_for, …).")
@_JSON
def list_command(*, folder: Path, customer: str | None, kind: str | None, as_json: bool) -> None:
    """List the facts: id, kind, value, customer, how often and when confirmed, by whom."""
    from tieout.payer_memory import PayerMemory

    rows = [
        row
        for row in PayerMemory.read(folder).facts.record_batch.to_pylist()
        if customer in (None, row["customer_id"]) and kind in (None, row["kind"])
    ]
    if as_json:
        _echo_json(rows)
        return
    for row in rows:
        state = f"revoked {row['revoked_on']} by {row['revoked_by']}" if row["revoked_on"] else ""
        who = row["learned_by"] if row["source"] == "clerk" else "suggested"
        times = f"{row['confirmations']}x until {row['confirmed_on']}"
        words = (
            row["fact_id"], row["kind"], f"{row['value']!r}", row["company_id"],
            row["customer_id"], row["open_item_ids"], who, times, state,
        )  # fmt: skip
        click.echo("  ".join(word for word in words if word))


@memory_command.command("revoke", help=_REVOKE_HELP)
@_FOLDER
@click.argument("fact")
@click.option("--by", required=True, help="Who takes it back.")
@_ON
@_JSON
def revoke_command(
    *, folder: Path, fact: str, by: str, on: datetime.datetime | None, as_json: bool
) -> None:
    """Revoke and print the impact list."""
    from tieout.payer_memory import PayerMemory
    from tieout.run_memory import locked_memory

    with locked_memory(folder):
        memory = PayerMemory.read(folder)
        impact = memory.impact(fact)
        memory.revoked(fact, by, on.date() if on else _today()).write()
    if as_json:
        _echo_json({"revoked": fact, "relied": _rows(impact)})
        return
    click.echo(f"{fact} is revoked; {len(impact)} applications relied on it")
    for line in _impact_lines(impact):
        click.echo(line)


@memory_command.command("forget", help=_FORGET_HELP)
@_FOLDER
@click.argument("fact")
@_JSON
def forget_command(*, folder: Path, fact: str, as_json: bool) -> None:
    """Forget and say so."""
    from tieout.payer_memory import PayerMemory
    from tieout.run_memory import locked_memory

    with locked_memory(folder):
        memory = PayerMemory.read(folder).forgotten(fact)
        memory.write()
    told: dict[str, object] = {"forgotten": fact, "facts": len(memory.facts)}
    _say(told, as_json=as_json, line="{forgotten} is forgotten, {facts} facts are left")


def _rows(batch: Batch) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = batch.record_batch.to_pylist()
    return rows


def _impact_lines(impact: RelianceBatch) -> list[str]:
    from engine.currencies import format_minor

    return [
        f"  {row['matched_on']}  {row['payment_id']} → {row['open_item_id']}  "
        f"{format_minor(row['amount_minor'], row['currency'])} {row['currency']}  "
        f"{row['customer_id']}"
        for row in impact.record_batch.to_pylist()
    ]


def _say(told: dict[str, object], *, as_json: bool, line: str) -> None:
    if as_json:
        _echo_json(told)
    else:
        click.echo(line.format(**told))


def _echo_json(value: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(value))
