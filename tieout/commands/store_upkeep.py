"""`tieout store`, the part about keys, retention, erasure, outcomes, the proof of every cent."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.commands.store import JSON_OPTION, STORE_OPTION, say, store_command, with_store
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.addresses import StoreAddress
    from store.repository import Booking, Repository

__all__ = [
    "erase_customer_command",
    "new_key_command",
    "outcomes_command",
    "prove_command",
    "purge_command",
    "resume_command",
    "rotate_keys_command",
]

_PATH = click.Path(path_type=Path)
_TENANT = click.option("--tenant", default="default", show_default=True, help="Whose store.")
_KEYS = click.option(
    "--encryption-key-file",
    type=_PATH,
    envvar="TIEOUT_ENCRYPTION_KEY_FILE",
    help="Master keys, where the store is sealed.",
)
_ACTOR = click.option("--by", "actor", required=True, help="Who does this, for the audit.")
_DAY_MS = 86_400_000
_CODES = """
\b
Exit codes:
  0   done
  75  a booking holds the store; run again
  78  no such store, or keys that do not open it
"""


def _open(address: StoreAddress, tenant: str, key_file: Path | None) -> Repository:
    from store import open_repository

    return open_repository(
        address.url, tenant=tenant, encryption_key_file=str(key_file or ""), busy_seconds=30
    )


def _book(
    url: str, tenant: str, key_file: Path | None, change: Callable[[Booking, int], int]
) -> int:
    """Run `change` with a booking and the time; gives its exit code."""

    def book(address: StoreAddress) -> int:
        repository = _open(address, tenant, key_file)
        try:
            with repository.booking() as booking:
                return change(booking, time.time_ns() // 1_000_000)
        finally:
            repository.close()

    return with_store(url, book)


@store_command.command(
    "new-key",
    help="Put a new master key in front of those in FILE, which is made where absent.\n\n"
    "Data keys that older ones wrapped stay as they are until `tieout store rotate-keys`.\n"
    + _CODES,
)
@click.argument("file", type=_PATH)
@click.option("--name", help="Name of the key.  [the day]")
def new_key_command(*, file: Path, name: str | None) -> int:
    """Make a master key; gives the exit code."""
    from store.errors import KeyFileError
    from store.key_ring import add_master_key

    chosen = name or time.strftime("k%Y-%m-%d", time.gmtime())
    try:
        add_master_key(file, chosen)
    except KeyFileError as error:
        click.echo(f"tieout: {error}", err=True)
        return int(ExitCode.CONFIG)
    click.echo(f"{file}: {chosen} is in force; keep a copy where the backups are not")
    return int(ExitCode.DONE)


@store_command.command(
    "rotate-keys",
    help="Wrap every data key by the first master key; older ones may then leave the file.\n\n"
    "Customers that were kept before there was a key file are sealed as well.\n" + _CODES,
)
@STORE_OPTION
@_TENANT
@_KEYS
def rotate_keys_command(*, url: str, tenant: str, encryption_key_file: Path | None) -> int:
    """Rotate; gives the exit code."""

    def rotate(booking: Booking, now_ms: int) -> int:
        click.echo(f"{booking.keys.rotate()} data keys wrapped anew")
        sealed = booking.customers.seal_all(now_ms)
        if sealed:
            click.echo(f"{sealed} customers kept before there was a key are sealed now")
        secrets = booking.webhooks.rewrap()
        if secrets:
            click.echo(f"{secrets} secrets of webhooks wrapped anew")
        return int(ExitCode.DONE)

    return _book(url, tenant, encryption_key_file, rotate)


@store_command.command(
    "erase-customer",
    help="Destroy the keys of a customer's personal data: it cannot be read again, anywhere.\n\n"
    "Amounts, decisions and their audit stay. What was kept without a key file is not sealed and "
    "cannot be erased so (`tieout store rotate-keys` seals customers). Take the customer out of "
    "the ERP's export as well.\n" + _CODES,
)
@click.argument("customer_id")
@click.option("--company", default="", help="The company whose customer it is.")
@STORE_OPTION
@_TENANT
@_KEYS
@_ACTOR
def erase_customer_command(
    *,
    customer_id: str,
    company: str,
    url: str,
    tenant: str,
    encryption_key_file: Path | None,
    actor: str,
) -> int:
    """Erase a customer; gives the exit code."""
    from store.erasure import erase_customer

    def erase(booking: Booking, now_ms: int) -> int:
        numbers = erase_customer(booking, company, customer_id, now_ms, actor)
        click.echo(f"{len(numbers)} keys destroyed")
        return int(ExitCode.DONE)

    return _book(url, tenant, encryption_key_file, erase)


@store_command.command(
    "purge",
    help="Delete what is older than its retention period; each period in days, none by default.\n\n"
    "Receipts, decisions and their audit stay for ever.\n" + _CODES,
)
@STORE_OPTION
@_TENANT
@_KEYS
@_ACTOR
@click.option("--contents", type=click.IntRange(1), help="Bytes of bank files.")
@click.option("--personal", type=click.IntRange(1), help="Personal data: whole years before.")
@click.option("--answers", type=click.IntRange(35), help="First answers to request ids.")
@click.option("--events", type=click.IntRange(1), help="Events.")
@click.option("--deliveries", type=click.IntRange(4), help="Messages to webhooks that ended.")
@click.option("--runs", type=click.IntRange(1), help="Runs that ended.")
def purge_command(
    *, url: str, tenant: str, encryption_key_file: Path | None, actor: str, **days: int | None
) -> int:
    """Purge; gives the exit code."""
    from store.retention import Retention, purge

    given = {f"{name}_days": count or 0 for name, count in days.items()}

    def purged(booking: Booking, now_ms: int) -> int:
        counts = purge(booking, Retention(**given), now_ms, actor)
        click.echo("\n".join(f"{name}: {count}" for name, count in counts.items()) or "nothing")
        return int(ExitCode.DONE)

    return _book(url, tenant, encryption_key_file, purged)


@store_command.command(
    "verify",
    help="Derive every bank file's money again from its bytes, and compare it with its rows.\n\n"
    "A file whose money differs is named, and posting is halted until `tieout store resume`.\n\n"
    "\b\nExit codes:\n  0   every file is proven, or its bytes are gone and its rows add up\n"
    "  3   a file's money does not add up\n  75  a booking holds the store; run again\n"
    "  78  no such store, or keys that do not open it\n",
)
@STORE_OPTION
@_TENANT
@_KEYS
@JSON_OPTION
def prove_command(*, url: str, tenant: str, encryption_key_file: Path | None, as_json: bool) -> int:
    """Prove every file; gives the exit code."""

    def prove(address: StoreAddress) -> int:
        from rpc.clearing_job import run_clearing
        from rpc.jobs import ClearingJob

        repository = _open(address, tenant, encryption_key_file)
        counts: dict[str, int] = {}
        wrong = []
        try:
            for file_id in repository.proofs.all_files():
                job = ClearingJob(file_id, time.time_ns() // 1_000_000)
                done = run_clearing(repository, job)
                counts[done.outcome] = counts.get(done.outcome, 0) + 1
                if done.outcome in {"violated", "unreadable"}:
                    wrong.append({"file_id": file_id, "why": done.message})
        finally:
            repository.close()
        lines = [f"{one['file_id']}: {one['why']}" for one in wrong]
        lines += [f"{outcome}: {count} files" for outcome, count in sorted(counts.items())]
        say({"counts": counts, "findings": wrong}, lines or ["no files"], as_json=as_json)
        return int(ExitCode.GATE if counts.get("violated") else ExitCode.DONE)

    return with_store(url, prove)


@store_command.command(
    "resume", help="Let posting go on after a violation that somebody has looked at.\n" + _CODES
)
@STORE_OPTION
@_TENANT
@_KEYS
@_ACTOR
@click.option("--reason", required=True, help="What was found, for the audit.")
def resume_command(
    *, url: str, tenant: str, encryption_key_file: Path | None, actor: str, reason: str
) -> int:
    """Resume posting; gives the exit code."""

    def resume(booking: Booking, now_ms: int) -> int:
        if booking.halts.current() is None:
            click.echo("posting is not halted")
            return int(ExitCode.DONE)
        booking.halts.resume(reason, actor, now_ms)
        booking.events.add("posting.resumed", "store", now_ms, {"reason": reason})
        booking.audit.record(
            "posting_resumed", "store", actor=actor, recorded_at_ms=now_ms, facts={"reason": reason}
        )
        click.echo("posting goes on")
        return int(ExitCode.DONE)

    return _book(url, tenant, encryption_key_file, resume)


@store_command.command(
    "outcomes",
    help="Write what became of what was decided and proposed: a table for `tieout calibrate`.\n\n"
    "One row per set of items (`key`, `rank` 0 where it was decided, `strategy`, `uniqueness`, "
    "`confidence`, `doubt_per_million`, `withheld`, `right`). A proposal counts once people have "
    "given all money of its payment a place: right where that is what was proposed. A decision "
    "counts when people take it back, or when it has stood for --settled-days without that. OUT is "
    ".parquet, .csv or .jsonl. It only reads, and may run beside a server.\n" + _CODES,
)
@click.argument("out", type=_PATH)
@STORE_OPTION
@_TENANT
@_KEYS
@click.option(
    "--settled-days",
    type=click.IntRange(min=0),
    default=30,
    show_default=True,
    help="Days after which a decision nobody objected to counts as right.",
)
@JSON_OPTION
def outcomes_command(
    *,
    out: Path,
    url: str,
    tenant: str,
    encryption_key_file: Path | None,
    settled_days: int,
    as_json: bool,
) -> int:
    """Write the outcomes; gives the exit code."""
    from tieout.evaluation.kept_outcomes import judged_outcomes
    from tieout.evaluation.set_tables import write_sets

    def write(address: StoreAddress) -> int:
        repository = _open(address, tenant, encryption_key_file)
        try:
            until_ms = time.time_ns() // 1_000_000 - settled_days * _DAY_MS
            sets = judged_outcomes(repository.outcomes.read(until_ms))
        finally:
            repository.close()
        write_sets(sets, out)
        payments = len(sets["key"].unique())
        line = f"{out}: {sets.num_rows:,} outcomes of {payments:,} payments"
        said = {"path": str(out), "outcomes": sets.num_rows, "payments": payments}
        say(said, [line], as_json=as_json)
        return int(ExitCode.DONE)

    return with_store(url, write)
