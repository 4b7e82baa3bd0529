"""Every command the page on evaluation shows is run, in the page's order."""

from __future__ import annotations

import glob
import re
import shlex
from pathlib import Path

from tieout.commands import main

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluating.md"


def commands():
    text = PAGE.read_text("utf-8")
    blocks = re.findall(r"<!-- run -->\n```console\n(.*?)```", text, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.removeprefix("$ ") for line in lines]


def test_every_command_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text("utf-8")
    for name, content in re.findall(r"<!-- file (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
        (tmp_path / name).write_text(content, "utf-8")
    shown = commands()
    assert len(shown) > 1
    for command in shown:
        words = [
            path
            for word in shlex.split(command)[1:]
            for path in (sorted(glob.glob(word)) if "*" in word else [word])  # noqa: PTH207 - as a shell
        ]
        assert main(words) == 0, command
        assert capsys.readouterr().out, command
    assert (tmp_path / "report" / "evaluation.html").is_file()
