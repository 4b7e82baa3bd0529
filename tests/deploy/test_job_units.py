"""The units and the page of batch jobs against the commands they call."""

import configparser
import re
import shlex
from pathlib import Path

import click
import pytest

from tieout.commands import cli
from tieout.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]
UNITS = sorted((ROOT / "deploy").glob("tieout-*.*"))
PAGE = (ROOT / "docs" / "operating" / "jobs.md").read_text("utf-8")


def parsed(words):
    """The command of `tieout …`, with options that exist; raises `click.UsageError`."""
    context = click.Context(cli)
    command = cli.get_command(context, words[0])
    command.make_context(words[0], words[1:], resilient_parsing=True)
    known = {one for option in command.params for one in (*option.opts, *option.secondary_opts)}
    used = {one.split("=")[0] for one in words if one.startswith("--")}
    assert used <= known, used - known
    return command


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_is_there(unit):
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str
    read.read_string(unit.read_text("utf-8"))
    if unit.suffix == ".service":
        program, *words = shlex.split(read["Service"]["ExecStart"])
        assert program == "/opt/tieout/bin/tieout"
        parsed(words)
        folder = words[1]
        assert read["Service"]["ReadWritePaths"] == folder
    else:
        assert (ROOT / "deploy" / read[unit.suffix[1:].title()]["Unit"]).exists()


def test_exit_codes_that_are_no_failure_or_no_reason_to_try_again_are_ours():
    known = {int(one) for one in ExitCode}
    for unit in UNITS:
        for line in re.findall(r"(?:Success|RestartPrevent)ExitStatus=(.*)", unit.read_text()):
            assert {int(one) for one in line.split()} <= known


def test_commands_of_the_page_are_commands_and_its_exit_codes_are_ours():
    shown = re.findall(r"(?:\$ |/opt/tieout/bin/)tieout (.*)", PAGE)
    assert len(shown) >= 5
    for line in shown:
        parsed(shlex.split(line.partition(" > ")[0]))
    told = re.findall(r"^\| ([0-9, ]+) \|", PAGE, re.MULTILINE)
    assert {int(one) for codes in told for one in codes.split(",")} <= {
        int(one) for one in ExitCode
    }


def test_every_unit_is_on_the_page():
    for unit in UNITS:
        assert unit.name in PAGE or "tieout-drop.*" in PAGE, unit.name
