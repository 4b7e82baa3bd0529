"""`tieout demo --serve`: a server filled with a seeded world, to try clients and screens on."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from tieout.exit_codes import OutputDirectoryError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["run_sandbox"]

_MARK: Final = ".tieout-sandbox"
_START_SECONDS: Final = 120.0
_LOOK_SECONDS: Final = 0.2
_SETTINGS: Final = """\
[server]
grpc_address = "{grpc}"
http_address = "{http}"
metrics_address = "127.0.0.1:0"
[store]
url = "sqlite:///{folder}/store.db"
encryption_key_file = "encryption.keys"
[tables]
open_items = "world/open_items.csv"
customers = "world/customers.csv"
bank_accounts = "world/bank_accounts.csv"
[webhooks]
allow_http = true
allowed_networks = ["127.0.0.0/8"]
"""
_NASTY: Final = {
    "wrong-total.bai": (
        b"01,BANK,US,260331,0800,1,,,2/\n02,US,BANK,1,260331,,USD,2/\n03,NASTY,USD,010,0,,/\n"
        b"16,165,123456,0,BR1,CR1,ITS TOTAL IS WRONG/\n"
        b"49,123457,3/\n98,123457,1,5/\n99,123457,1,7/\n"
    ),
    "cut-off.bai": (
        b"01,BANK,US,260331,0801,2,,,2/\n02,US,BANK,1,260331,,USD,2/\n03,NASTY,USD,010,0,,/\n"
        b"16,165,654321,0,BR2,CR2,IT ENDS TOO EARLY/\n"
    ),
    "no-bank-file.txt": b"buy milk\n",
}
"""Files that real folders hold as well: two are held back, one is refused."""


def run_sandbox(
    folder: Path,
    seed: int,
    payments: int,
    *,
    reset: bool,
    browser: bool,
    addresses: Mapping[str, str],
) -> int:
    """Fill a server in `folder`, say where it is, and keep it until told to stop.

    Started again it goes on with what it has; with `reset` it begins anew. Raises
    `OutputDirectoryError` where the folder is somebody else's.
    """
    _prepare(folder, seed, payments, reset=reset)
    settings = folder / "tieout.toml"
    settings.write_text(_SETTINGS.format(folder=folder.resolve(), **addresses), "utf-8")
    log = folder / "server.log"
    with log.open("wb") as sink:
        server = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "tieout.commands.__init__", "serve", "--config", str(settings)],
            stderr=sink,
        )
    try:
        address = _said(server, log, r"gRPC on (\S+)")
        _submit(address, folder)
        web = re.search(r"workbench and JSON on (\S+)", log.read_text("utf-8"))
        click.echo(f"gRPC       {address}")
        if web:
            click.echo(f"workbench  {web[1]}")
            click.echo(f"JSON       {web[1]}v1/openapi.json")
        click.echo(f"answers    {folder / 'world' / 'truth.csv'}")
        click.echo("Ctrl-C ends it; the same command goes on, with --reset it begins anew.")
        if web and browser:
            import webbrowser

            webbrowser.open(web[1])
        return _ended(server)
    finally:
        if server.poll() is None:
            server.terminate()
            server.wait()


def _prepare(folder: Path, seed: int, payments: int, *, reset: bool) -> None:
    """The world and the key of the sandbox, made where they are absent."""
    from store.key_ring import add_master_key
    from tieout.worlds import generate_world, named_spec, write_world
    from tieout.worlds.spec import scaled_spec

    mark = folder / _MARK
    if folder.exists() and any(folder.iterdir()) and not mark.exists():
        message = f"{folder} is not empty and no sandbox; give --out a new folder"
        raise OutputDirectoryError(message)
    if reset and mark.exists():
        shutil.rmtree(folder)
    if mark.exists():
        return
    import msgspec

    folder.mkdir(parents=True, exist_ok=True)
    click.echo(f"tieout: making a world in {folder}", err=True)
    spec = msgspec.structs.replace(named_spec("demo"), seed=seed, all_formats=True)
    if payments:
        items = spec.open_item_count * payments // spec.payment_count
        spec = scaled_spec(spec, payments, items, with_bank_files=True)
    write_world(generate_world(spec), folder / "world")
    for name, content in _NASTY.items():
        (folder / "world" / "bank" / name).write_bytes(content)
    add_master_key(folder / "encryption.keys", "sandbox")
    mark.touch()


def _submit(address: str, folder: Path) -> None:
    """Send every bank file; what was sent before is known by its content."""
    from tieout.client import Client, ClientError

    with Client(address) as client:
        for path in sorted((folder / "world" / "bank").iterdir()):
            try:
                answer = client.submit_bank_file(path, path.name)
            except ClientError as error:
                click.echo(f"{path.name}: refused, {error.reason}")
                continue
            receipt = answer.bank_file
            again = "known, " if answer.already_processed else ""
            click.echo(
                f"{path.name}: {again}{receipt.payment_count} payments, "
                f"{receipt.application_count} applications, {receipt.exception_count} exceptions"
            )


def _ended(server: subprocess.Popen[bytes]) -> int:
    """The exit code of the server, once it has ended.

    Looked for again and again: a signal that comes just before a wait without end is never heard.
    """
    while (code := server.poll()) is None:
        time.sleep(_LOOK_SECONDS)
    return code


def _said(server: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        found = re.search(pattern, log.read_text("utf-8", "replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    message = f"the server did not start; {log} says why"
    raise click.ClickException(message)
