"""The command line: a table of commands, each imported only when it runs.

`tieout --help` and every `tieout COMMAND --help` answer without numpy, Arrow or gRPC; the commands
import those inside their functions.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NoReturn

import click

from tieout.exit_codes import ExitCode, exit_code_of
from tieout.loading import nothing_to_collect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from click.shell_completion import CompletionItem

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "demo": (
        "tieout.commands.demo:demo_command",
        "Generate a seeded world, match it, show the result.",
    ),
    "match": (
        "tieout.commands.match:match_command",
        "Match bank files or payments against open items.",
    ),
    "cluster": (
        "tieout.commands.cluster:cluster_command",
        "Match on a Spark cluster.",
    ),
    "parse": (
        "tieout.commands.parse:parse_command",
        "Read bank files: payments, totals, diagnostics.",
    ),
    "remittances": (
        "tieout.commands.remittances:remittances_command",
        "Show how a payer's remittance table is understood.",
    ),
    "memory": (
        "tieout.commands.memory:memory_command",
        "Show and correct what was learned about payers.",
    ),
    "explain": (
        "tieout.commands.explain:explain_command",
        "Say why a payment went where it went, or did not.",
    ),
    "bench": (
        "tieout.commands.bench:bench_command",
        "Measure how fast this machine matches.",
    ),
    "evaluate": (
        "tieout.commands.evaluate:evaluate_command",
        "Judge runs by the truth about their payments.",
    ),
    "calibrate": (
        "tieout.commands.calibrate:calibrate_command",
        "Say what outcomes of earlier decisions teach.",
    ),
    "open-items": (
        "tieout.commands.open_items:open_items_command",
        "Check, compare, import and export open items.",
    ),
    "customers": (
        "tieout.commands.customers:customers_command",
        "Send an ERP's customers to a server.",
    ),
    "export": (
        "tieout.commands.export:export_command",
        "Make the documents an ERP posts out of a run.",
    ),
    "post": (
        "tieout.commands.post:post_command",
        "Post the result of a run on a server.",
    ),
    "report": (
        "tieout.commands.report:report_command",
        "Aging, DSO, waiting cash, and when items will be paid.",
    ),
    "replay": (
        "tieout.commands.replay:replay_command",
        "Match a history again under another policy.",
    ),
    "serve": ("tieout.commands.serve:serve_command", "Run the server."),
    "doctor": (
        "tieout.commands.doctor:doctor_command",
        "Look at everything a server needs on this machine.",
    ),
    "config": ("tieout.commands.config:config_command", "Check the settings of a server."),
    "keys": ("tieout.commands.keys:keys_command", "Make, list and revoke API keys of a server."),
    "users": (
        "tieout.commands.users:users_command",
        "People who sign in with a name and a password.",
    ),
    "audit": (
        "tieout.commands.audit:audit_command",
        "Prove that nothing decided has changed since.",
    ),
    "store": (
        "tieout.commands.store_upkeep:store_command",
        "Migrate, check, prove, back up, restore a store; its keys.",
    ),
    "submit": ("tieout.commands.submit:submit_command", "Send bank files to a server."),
    "status": (
        "tieout.commands.receipts:status_command",
        "Say what became of bank files on a server.",
    ),
    "results": (
        "tieout.commands.receipts:results_command",
        "Write what became of a bank file's payments.",
    ),
    "ack": (
        "tieout.commands.receipts:ack_command",
        "Write the acknowledgement of a bank file.",
    ),
    "runs": (
        "tieout.commands.runs:runs_command",
        "Follow what a server has accepted to its end.",
    ),
    "watch": (
        "tieout.commands.watch:watch_command",
        "Send what is dropped into a folder, and acknowledge it.",
    ),
    "exceptions": (
        "tieout.commands.exceptions:exceptions_command",
        "Work exceptions on a server.",
    ),
    "facts": (
        "tieout.commands.facts:facts_command",
        "Look at what people taught a server about payers.",
    ),
    "webhooks": (
        "tieout.commands.webhooks:webhooks_command",
        "Send a server's events to addresses of your own.",
    ),
    "completion": (
        "tieout.commands.manual:completion_command",
        "Print what a shell needs to complete commands.",
    ),
    "man": ("tieout.commands.manual:man_command", "Print the manual page."),
    "version": ("tieout.commands.version:version_command", "Print versions."),
}
"""Command → where its `click.Command` lives, and its line in `tieout --help`."""

_NEEDS_PANDAS: Final = "cluster"
_SENDING: Final = ("submit", "watch", "post", "runs", "open-items", "customers")
_SERVING: Final = ("serve", "demo")
"""Commands that change what others hold, and such that run until they are told to stop."""


class _LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for, and listed without that."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands this installation has."""
        del ctx
        return [name for name, (target, _) in COMMANDS.items() if _is_installed(target)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, imported now; None where there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            message = f"{module}:{attribute} is no click.Command"
            raise TypeError(message)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names of commands without importing them."""
        from click.shell_completion import CompletionItem

        found = [
            CompletionItem(name, help=COMMANDS[name][1])
            for name in self.list_commands(ctx)
            if name.startswith(incomplete)
        ]
        return found or super().shell_complete(ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


class _TerminatedError(BaseException):
    """SIGTERM arrived: unwind as Ctrl-C does, so that nothing half-written stays."""


class _WithoutPandas:
    """Keeps Arrow from loading pandas, where it is installed, to ask whether a list is one of its.

    That takes half a second, and in a process of our own nothing is. Only Spark insists on it.
    """

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Say that there is no pandas."""
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError(name, name=name)


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Exit codes: 0 done (exceptions may exist), 1 internal error, 2 usage, 3 a gate failed, "
        "4 some bank files refused, 5 same key but other content, 65 malformed input, 66 no such "
        "file, 69 server unreachable, 75 retry later, 77 not permitted, 78 bad configuration, "
        "130/143 interrupted."
    ),
)
def cli() -> None:
    """Cash application that ties out to the cent.

    Bank files and open items in, applications and exceptions out. Start with `tieout demo`, then
    `tieout match BANKFILE --open-items open_items.csv --out RUN` with your own files.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line with `arguments` (the process's own where None); gives the exit code."""
    signal.signal(signal.SIGTERM, _terminate)
    if arguments is not None:
        return _run(arguments)
    # numpy's linear algebra is of no use here; its threads cost a tenth of a start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.argv[1:2] != [_NEEDS_PANDAS]:
        sys.meta_path.insert(0, _WithoutPandas())
    try:
        return _run(None)
    finally:
        nothing_to_collect()


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command and say in one sentence why it failed; gives the exit code."""
    try:
        code = cli.main(args=arguments, prog_name="tieout", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return _fail(f"interrupted{_left(arguments)}", ExitCode.INTERRUPTED)
    except _TerminatedError:
        return _fail(f"terminated{_left(arguments)}", ExitCode.TERMINATED)
    except Exception as error:
        known = exit_code_of(error)
        if known is None:  # nobody foresaw this one: the traceback is the message, the code is 1
            raise
        return _fail(_sentence(error), known)
    return int(code) if isinstance(code, int) else int(ExitCode.DONE)


def _is_installed(target: str) -> bool:
    return find_spec(target.partition(":")[0]) is not None


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise _TerminatedError


def _left(arguments: Sequence[str] | None) -> str:
    """What a command that was stopped leaves behind."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and words[0] in _SENDING:
        return "; run it again, nothing is done twice"
    return "" if words and words[0] in _SERVING else "; nothing was written"


def _fail(sentence: str, code: ExitCode) -> int:
    click.echo(f"tieout: {sentence}", err=True)
    return int(code)


def _sentence(error: Exception) -> str:
    """What happened, in one line; operating system errors name their file first."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror.lower()}"
    return " ".join(str(error).split())


if __name__ == "__main__":
    sys.exit(main())
