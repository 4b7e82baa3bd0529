"""Every command of the posting pages runs and says what the page says."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from adapters.catalogue import ADAPTERS, template
from tieout.commands import main

DOCS = Path(__file__).resolve().parents[2] / "docs"


def files_of(text):
    return dict(re.findall(r"<!-- file (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL))


def runs_of(text):
    """Command and output of every block that is run."""
    return re.findall(r"<!-- run -->\n```console\n\$ (tieout .*?)\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def example(tmp_path, monkeypatch):
    """A folder with the files of the posting page, which is where commands run."""
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "posting.md").read_text("utf-8")
    for name, content in files_of(text).items():
        (tmp_path / name).write_text(content, "utf-8")
    return tmp_path


def match(capsys):
    (command, _), *_ = runs_of((DOCS / "posting.md").read_text("utf-8"))
    assert main(shlex.split(command)[1:]) == 0
    capsys.readouterr()


def test_the_posting_page_s_commands_run_in_their_order(example, capsys):
    runs = runs_of((DOCS / "posting.md").read_text("utf-8"))
    assert len(runs) == 3
    for command, _ in runs:
        assert main(shlex.split(command)[1:]) == 0, command
        assert capsys.readouterr().out
    assert {path.name for path in (example / "post").iterdir()} == {
        "documents.jsonl",
        "journal.csv",
        "held.csv",
        "export.json",
    }
    sent = (example / "post" / "documents.jsonl").read_bytes().splitlines()
    again = (example / "again" / "documents.jsonl").read_bytes().splitlines()
    assert again == sent[1:]


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_s_page_shows_what_its_commands_say(name, example, capsys):
    match(capsys)
    text = (DOCS / "adapters" / f"{name}.md").read_text("utf-8")
    accounts = files_of(text)["accounts.toml"]
    assert accounts == template(name)
    (example / "accounts.toml").write_text(accounts, "utf-8")
    ((command, shown),) = runs_of(text)
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out == shown
    documents = [json.loads(one) for one in re.findall(r"```json\n(.*?)```", text, re.DOTALL)]
    written = (example / "post" / "documents.jsonl").read_text().splitlines()
    assert documents == [one for one in map(json.loads, written) if one["payment_id"] == "P-2"]


def test_the_template_of_an_adapter_is_printed(capsys):
    assert main(["export", "--template", "xero"]) == 0
    assert capsys.readouterr().out == template("xero")


def test_the_posting_page_names_every_key_of_the_accounts():
    text = (DOCS / "posting.md").read_text("utf-8")
    from adapters.accounts import Accounts, PostingRules, Undecided  # noqa: PLC0415 - beside its use

    keys = [f"posting.{one}" for one in PostingRules.__struct_fields__]
    keys += [f"undecided.{one}" for one in Undecided.__struct_fields__]
    keys += [f"accounts.{one}" for one in Accounts.__struct_fields__]
    assert [one for one in keys if f"`{one}`" not in text] == []
