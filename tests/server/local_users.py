"""Users of a store on disk, added by the command that an operator would use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from click.testing import CliRunner

from tieout.commands import cli

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["add_user", "tieout"]


def tieout(folder: Path, *arguments: str, password: str = "") -> tuple[int, str]:
    """Exit code and output of a command on the store of `folder`."""
    found = CliRunner().invoke(
        cli,
        [*arguments],
        input=password,
        env={"TIEOUT_STORE": f"sqlite:///{folder / 'store.db'}"},
        standalone_mode=False,
    )
    if isinstance(found.exception, click.UsageError):
        return found.exception.exit_code, found.output
    assert found.exception is None, found.exception
    return found.return_value, found.output


def add_user(folder: Path, tenant: str, name: str, password: str, *more: str) -> None:
    """Add a user of `tenant`, whose password must be changed at the first sign-in."""
    options = ("--tenant", tenant, "--file", "-", *more)
    code, said = tieout(folder, "users", "add", name, *options, password=f"{password}\n")
    assert code == 0, said
