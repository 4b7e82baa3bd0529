"""`tieout audit`: prove that nothing that was decided has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tieout.commands.store import JSON_OPTION, STORE_OPTION, say, with_store
from tieout.exit_codes import ExitCode

if TYPE_CHECKING:
    from store.addresses import StoreAddress
    from store.audit_verification import AuditReport

__all__ = [
    "audit_command",
    "export_command",
    "head_command",
    "new_key_command",
    "verify_command",
]

_PATH = click.Path(path_type=Path)
_TENANT = click.option("--tenant", default="default", show_default=True, help="Whose audit.")
_VERIFY_HELP = """Check the audit chain and every row under it; name the first that changed.

It reads a store, or with --bundle a folder that `tieout audit export` wrote; it needs no server and
no key but the public one. Without --public-key signatures are counted, not checked. With --head, a
head kept elsewhere, a chain that was cut or written anew is found out as well.

\b
Exit codes:
  0   sound
  3   something was changed, inserted, deleted or moved
  66  no such file
  78  no such store, or a key that cannot be read

\b
Examples:
  tieout audit verify --store sqlite:///tieout.db --public-key audit.pub --head 2026-10-30.json
  tieout audit verify --bundle /media/audit-2026
"""
_EXPORT_HELP = """Write the audit and the rows under it into a new folder, for an auditor.

Sealed text stays sealed: the folder can be verified without keys.

\b
Exit codes:
  0   written
  78  no such store
"""
_HEAD_HELP = """Print the head of the chain: keep it where nobody who changes the store can.

\b
Exit codes:
  0   printed
  78  no such store, or nothing is sealed yet
"""
_NEW_KEY_HELP = """Make a key pair for the audit chain: PRIVATE for the server, PUBLIC for auditors.

\b
Exit codes:
  0   made
  78  a file is there already
"""


@click.group("audit", help="The audit chain: verify, export, head, new-key.")
def audit_command() -> None:
    """Group the commands."""


@audit_command.command("verify", help=_VERIFY_HELP)
@STORE_OPTION
@_TENANT
@click.option("--bundle", type=_PATH, help="A folder that `tieout audit export` wrote.")
@click.option("--public-key", type=_PATH, help="Every block must be signed by this key.")
@click.option("--head", type=_PATH, help="A head kept elsewhere, as JSON.")
@JSON_OPTION
def verify_command(
    *,
    url: str,
    tenant: str,
    bundle: Path | None,
    public_key: Path | None,
    head: Path | None,
    as_json: bool,
) -> int:
    """Verify; gives the exit code."""

    def verify(address: StoreAddress) -> int:
        from store import open_existing
        from store.audit_bundle import BundledAudit, read_head
        from store.audit_keys import read_verifier
        from store.audit_log import StoredAudit
        from store.audit_verification import verify_audit

        verifier = read_verifier(public_key) if public_key else None
        known = read_head(head) if head else None
        if bundle is not None:
            return _tell(verify_audit(BundledAudit(bundle), verifier, known), as_json=as_json)
        with open_existing(address, tenant) as database:
            return _tell(verify_audit(StoredAudit(database), verifier, known), as_json=as_json)

    return with_store(url, verify)


def _tell(report: AuditReport, *, as_json: bool) -> int:
    import msgspec

    lines = [f"{one.kind}: {one.message}" for one in report.findings]
    if not lines:
        head = report.head
        lines = [
            f"sound: {report.row_count} rows under {report.leaf_count} leaves in "
            f"{report.block_count} blocks ({report.signed_block_count} signed, "
            f"{report.unsealed_leaf_count} leaves not sealed yet)",
            f"head: block {head.block_number} {head.block_hash}" if head else "head: none yet",
        ]
    say(msgspec.to_builtins(report), lines, as_json=as_json)
    return int(ExitCode.GATE if report.findings else ExitCode.DONE)


@audit_command.command("export", help=_EXPORT_HELP)
@click.argument("folder", metavar="DIR", type=_PATH)
@STORE_OPTION
@_TENANT
@JSON_OPTION
def export_command(*, folder: Path, url: str, tenant: str, as_json: bool) -> int:
    """Export; gives the exit code."""

    def export(address: StoreAddress) -> int:
        from store import open_existing
        from store.audit_bundle import export_audit
        from store.audit_log import StoredAudit

        with open_existing(address, tenant) as database, database.reading():
            leaves = export_audit(StoredAudit(database), folder)
        say(
            {"folder": str(folder), "leaves": leaves},
            [f"{folder}: {leaves} leaves"],
            as_json=as_json,
        )
        return int(ExitCode.DONE)

    return with_store(url, export)


@audit_command.command("head", help=_HEAD_HELP)
@STORE_OPTION
@_TENANT
def head_command(*, url: str, tenant: str) -> int:
    """Print the head as JSON; gives the exit code."""

    def print_head(address: StoreAddress) -> int:
        import msgspec

        from store import open_existing
        from store.audit_log import AuditLog

        with open_existing(address, tenant) as database:
            head = AuditLog(database).head()
        if head is None:
            click.echo("tieout: nothing is sealed yet; a running server does it", err=True)
            return int(ExitCode.CONFIG)
        click.echo(msgspec.json.encode(head).decode())
        return int(ExitCode.DONE)

    return with_store(url, print_head)


@audit_command.command("new-key", help=_NEW_KEY_HELP)
@click.argument("private", type=_PATH)
@click.argument("public", type=_PATH)
def new_key_command(*, private: Path, public: Path) -> int:
    """Make the key pair; gives the exit code."""
    from store.audit_keys import create_audit_key

    if private.exists() or public.exists():
        click.echo(f"tieout: {private} or {public} is there already", err=True)
        return int(ExitCode.CONFIG)
    click.echo(f"{create_audit_key(private, public).key_id}: {private}, {public}")
    return int(ExitCode.DONE)
