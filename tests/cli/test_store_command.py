"""`tieout store`: exit codes, lines for people, JSON for programs."""

import json

import apsw
import pytest

from store import open_repository
from tests.store.kept_postings import keep_cash, keep_items, open_amounts
from tieout.commands import main


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture
def store(url):
    repository = open_repository(url)
    keep_cash(repository)
    keep_items(repository, A=100)
    repository.close()
    return url


def test_migrate_makes_a_store_and_then_has_nothing_to_do(url, capsys):
    assert main(["store", "migrate", "--store", url]) == 0
    assert "migrations applied" in capsys.readouterr().out
    assert main(["store", "migrate", "--store", url]) == 0
    assert capsys.readouterr().out == "default: up to date\n"


def test_a_whole_store_is_said_to_be(store, capsys):
    assert main(["store", "check", "--store", store]) == 0
    assert capsys.readouterr().out == "default: whole\n"
    assert main(["store", "check", "--store", store, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["findings"] == []


def test_what_does_not_hold_is_listed_with_code_3(store, capsys):
    connection = apsw.Connection(store.removeprefix("sqlite:///"))
    connection.execute("UPDATE open_item SET open_minor = 99")
    connection.close()
    assert main(["store", "check", "--store", store, "--json"]) == 3
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["tenant"], finding["row"]) == ("default", "K / A")


def test_a_backup_is_made_restored_and_checked(store, tmp_path, capsys):
    folder, other = str(tmp_path / "backup"), f"sqlite:///{tmp_path / 'other.db'}"
    assert main(["store", "backup", folder, "--store", store]) == 0
    assert main(["store", "restore", folder, "--store", other]) == 0
    assert capsys.readouterr().out.endswith("default: whole\n")
    restored = open_repository(other)
    assert open_amounts(restored) == {"A": 100}
    restored.close()
    assert main(["store", "restore", folder, "--store", other]) == 78
    assert main(["store", "backup", folder, "--store", store]) == 78


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "--store", "mysql://x"], 78),
        (["check", "--store", "sqlite:///{}/nothing.db"], 78),
        (["check", "--store", "postgresql://u:secret@127.0.0.1:1/name"], 69),
        (["backup"], 2),
    ],
)
def test_what_cannot_be_done_has_its_code(arguments, code, tmp_path, capsys):
    given = [one.format(tmp_path) for one in arguments]
    assert main(["store", *given]) == code
    said = capsys.readouterr().err
    assert said
    assert "secret" not in said
