"""Every example of the README and of the gRPC page runs and says what the page says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.server.requests import bai2_file
from tests.server.running_server import RunningServer
from tieout.commands import main

ROOT = Path(__file__).resolve().parents[2]


def readme_files():
    """Name → content of the files the README's example begins with."""
    text = (ROOT / "README.md").read_text("utf-8")
    return dict(re.findall(r"<!-- file (\S+) -->\n```csv\n(.*?)```", text, re.DOTALL))


def readme_runs():
    """Command and output of the README's runs."""
    text = (ROOT / "README.md").read_text("utf-8")
    runs = re.findall(r"<!-- run -->\n```console\n\$ (tieout .*?)\n(.*?)```", text, re.DOTALL)
    assert len(runs) == 2
    return runs


def test_the_readmes_example_prints_what_the_readme_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, content in readme_files().items():
        (tmp_path / name).write_text(content, "utf-8")
    for command, shown in readme_runs():
        assert main(shlex.split(command)[1:]) == 0
        assert capsys.readouterr().out == shown


def api_examples():
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with RunningServer(tmp_path_factory.mktemp("api_page")) as running:
        yield running


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize(
    ("number", "said"),
    [
        (0, "USD 129990 of which applied"),
        (1, "[True]\nTrue"),
        (2, "P-1 4711 129990"),
        (3, "P-1 unidentified as of snapshot"),
        (4, "1 0\nINV-2026-1001 129990 1"),
    ],
)
def test_an_example_of_the_grpc_page_runs(number, said, server, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "statement.bai").write_bytes(bai2_file((129_990, "THANK YOU")))
    example = api_examples()[number].replace("127.0.0.1:50051", server.address)
    exec(compile(example, "docs/api.md", "exec"), {})  # noqa: S102 - the page's own example
    assert said in capsys.readouterr().out


def test_all_examples_of_the_grpc_page_are_run():
    assert len(api_examples()) == 5
