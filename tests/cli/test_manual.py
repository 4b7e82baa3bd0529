"""What shells and `man` read about the command line."""

import os
import re
import subprocess
import sys

import click
import pytest

from tieout.commands import cli, main
from tieout.commands.manual import manual

TIEOUT = "import sys; sys.argv[0] = 'tieout'; from tieout.commands import main; sys.exit(main())"


def commands_below(group, path="tieout"):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands_below(command, f"{path} {name}")


def test_the_manual_has_every_command_and_every_option():
    text = manual().replace(r"\-", "-")
    for path, command in commands_below(cli):
        assert f".SS {path} " in text, path
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert option.opts[0] in text, (path, option.opts[0])


def test_the_manual_has_no_line_that_man_would_take_for_something_else():
    known = {".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".nf", ".fi"}
    lines = manual().splitlines()
    assert {line.split()[0] for line in lines if line.startswith((".", "'"))} == known
    assert lines.count(".nf") == lines.count(".fi")
    assert not [line for line in lines if re.search(r"\\(?![e&f-])", line)]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_calls_us(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_TIEOUT_COMPLETE={shell}_complete" in script
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=script.encode(), check=True)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("tieout sub", {"submit"}),
        ("tieout ", {"match", "submit", "webhooks", "man"}),
        ("tieout submit --pat", {"--patience"}),
        ("tieout webhooks r", {"resend", "rotate"}),
        ("tieout results x --format ", {"jsonl", "csv", "parquet"}),
    ],
)
def test_words_are_completed(words, expected):
    done = subprocess.run(
        [sys.executable, "-c", TIEOUT],
        env=os.environ
        | {
            "_TIEOUT_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(re.split(r"\s+", words)) - 1),
        },
        capture_output=True,
        check=True,
        text=True,
    )
    found = {line.split(",")[1] for line in done.stdout.splitlines()}
    assert expected <= found
    assert len(found) == len(expected) or words == "tieout "
