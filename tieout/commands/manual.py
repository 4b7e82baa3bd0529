"""`tieout man` and `tieout completion`: what other programs read about the command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["completion_command", "man_command", "manual"]

_SHELLS: Final = ("bash", "zsh", "fish")
_VARIABLE: Final = "_TIEOUT_COMPLETE"
_COMPLETION_HELP: Final = """Print what a shell needs to complete commands, options and files.

\b
Examples:
  tieout completion bash > /etc/bash_completion.d/tieout
  tieout completion zsh > ~/.zfunc/_tieout
  tieout completion fish > ~/.config/fish/completions/tieout.fish
"""
_HELP_OF_HELP: Final = "Show this message and exit."
_MAN_HELP: Final = """Print the manual page of every command, in the format of man.

\b
Examples:
  tieout man | man -l -
  tieout man > /usr/local/share/man/man1/tieout.1
"""


@click.command("completion", help=_COMPLETION_HELP)
@click.argument("shell", type=click.Choice(_SHELLS))
def completion_command(*, shell: str) -> None:
    """Print a completion script."""
    from click.shell_completion import get_completion_class

    from tieout.commands import cli

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - one of the choices
    click.echo(kind(cli, {}, "tieout", _VARIABLE).source())


@click.command("man", help=_MAN_HELP)
def man_command() -> None:
    """Print the manual page."""
    click.echo(manual(), nl=False)


def manual() -> str:
    """The manual page of all commands."""
    from tieout.commands import cli

    context = click.Context(cli, info_name="tieout", help_option_names=_help_names(cli))
    lines = ['.TH TIEOUT 1 "" "Tieout" "User Commands"', ".SH NAME"]
    lines += [r"tieout \- cash application that ties out to the cent", ".SH SYNOPSIS"]
    lines += [
        ".B tieout",
        r"\fICOMMAND\fR [\fIOPTION\fR]... [\fIARGUMENT\fR]...",
        ".SH DESCRIPTION",
    ]
    lines += _paragraphs(cli.help or "")
    lines.append(".SH COMMANDS")
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        if command is not None:
            lines += _command(command, f"tieout {name}", context)
    lines.append(".SH EXIT STATUS")
    lines += _paragraphs(cli.epilog or "")
    lines += [".SH ENVIRONMENT"]
    lines += _paragraphs(
        "TIEOUT_SERVER, TIEOUT_API_KEY_FILE, TIEOUT_TOKEN_FILE, TIEOUT_CA_FILE, "
        "TIEOUT_CERTIFICATE_FILE and TIEOUT_PRIVATE_KEY_FILE stand for the options of these names; "
        "TIEOUT_CONFIG names the settings of a server."
    )
    return "\n".join(lines) + "\n"


def _help_names(cli: click.Command) -> list[str]:
    names: list[str] = cli.context_settings["help_option_names"]
    return names


def _command(command: click.Command, path: str, parent: click.Context) -> Iterator[str]:
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS {_escaped(f'{path} {usage}')}"
    yield from _paragraphs(command.help or "")
    # Click keeps the help option of whoever asked first, which need not have come by the root.
    help_option = click.Option(context.help_option_names, is_flag=True, help=_HELP_OF_HELP)
    for option in (*command.params, help_option):
        record = option.get_help_record(context)
        if record is not None:
            yield ".TP"
            yield rf"\fB{_escaped(record[0])}\fR"
            yield _escaped(" ".join(record[1].split()))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                yield from _command(inner, f"{path} {name}", context)


def _paragraphs(text: str) -> Iterator[str]:
    """Help as click has it: paragraphs that flow, and those behind a backspace that do not."""
    for part in re.split(r"\n\s*\n", text.strip()):
        yield ".PP"
        as_it_is = part.lstrip().startswith("\b")
        lines: list[Any] = [line for line in part.replace("\b", "").splitlines() if line.strip()]
        if as_it_is:
            yield ".nf"
            yield from (_escaped(line) for line in lines)
            yield ".fi"
        else:
            yield _escaped(" ".join(line.strip() for line in lines))


def _escaped(text: str) -> str:
    """Text that roff takes as it is."""
    text = text.replace("\\", r"\e").replace("-", r"\-")
    return rf"\&{text}" if text.startswith((".", "'")) else text
