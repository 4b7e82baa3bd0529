"""Which dropped files are whole, who takes them, and where they are at any moment."""

import hashlib
import json

import pytest

from tieout.drop_folder import DropFolder, FolderRules
from tieout.exit_codes import DropFolderBusyError


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    folders = []

    def make(**rules):
        for one in folders:
            one.close()
        rules = FolderRules(**rules)
        folders.append(DropFolder(tmp_path, tmp_path / "done", tmp_path / "error", rules, clock))
        return folders[-1]

    yield make
    for one in folders:
        one.close()


def names(claims):
    return [one.name for one in claims]


def test_a_file_is_taken_when_it_has_not_changed_for_a_while(opened, tmp_path, clock):
    drops = opened(settle_seconds=10)
    path = tmp_path / "a.bai"
    path.write_bytes(b"half")
    assert drops.take() == []
    clock.seconds = 9
    assert drops.take() == []
    path.write_bytes(b"half and half")
    clock.seconds = 12
    assert drops.take() == []
    clock.seconds = 21
    assert drops.take() == []
    assert drops.waiting() == ["a.bai"]
    clock.seconds = 22
    assert names(drops.take()) == ["a.bai"]
    assert not path.exists()
    assert drops.waiting() == []


def test_an_empty_file_is_waited_for_no_longer_than_others(opened, tmp_path, clock):
    drops = opened(settle_seconds=10)
    (tmp_path / "a.bai").touch()
    assert drops.take() == []
    assert (drops.waiting(), drops.empty()) == (["a.bai"], [])
    clock.seconds = 10
    assert drops.take() == []
    assert (drops.waiting(), drops.empty()) == ([], ["a.bai"])
    (tmp_path / "a.bai").write_bytes(b"x")
    assert drops.take() == []
    assert drops.waiting() == ["a.bai"]
    clock.seconds = 20
    assert names(drops.take()) == ["a.bai"]


@pytest.mark.parametrize(
    "name", [".hidden", "a.bai.tmp", "a.part", "A.PART", "x.filepart", "a~", "a.partial"]
)
def test_what_is_still_being_written_is_left_alone(opened, tmp_path, name):
    drops = opened(settle_seconds=0)
    (tmp_path / name).write_bytes(b"x")
    assert drops.take() == []
    assert (tmp_path / name).exists()


def test_folders_links_and_empty_files_are_left_alone(opened, tmp_path):
    drops = opened(settle_seconds=0)
    (tmp_path / "sub").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "link").symlink_to("/etc/passwd")
    assert drops.take() == []


@pytest.mark.parametrize("suffix", [".done", ".ok", ".sha256"])
def test_a_file_beside_it_says_that_it_is_whole(opened, tmp_path, suffix):
    drops = opened(needs_trigger=True)
    (tmp_path / "a.bai").write_bytes(b"x")
    (tmp_path / "b.bai").write_bytes(b"y")
    (tmp_path / f"a.bai{suffix}").touch()
    (claim,) = drops.take()
    assert claim.name == "a.bai"
    drops.file(claim, drops.done, b"{}", ".ack.json")
    assert sorted(one.name for one in drops.done.iterdir()) == [
        "a.bai",
        "a.bai.ack.json",
        f"a.bai{suffix}",
    ]


def test_a_checksum_is_verified(opened, tmp_path):
    drops = opened()
    for name, content in (("a", b"right"), ("b", b"wrong")):
        (tmp_path / name).write_bytes(content)
        digest = hashlib.sha256(b"right").hexdigest()
        (tmp_path / f"{name}.sha256").write_text(f"{digest}  {name}\n")
    first, second = drops.take()
    assert drops.mismatch(first) == ""
    assert "b.sha256 declares" in drops.mismatch(second)


def test_only_the_names_that_are_wanted_are_taken(opened, tmp_path):
    drops = opened(settle_seconds=0, patterns=("*.bai", "camt*"))
    for name in ("a.bai", "camt.xml", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert sorted(names(drops.take())) == ["a.bai", "camt.xml"]


def test_what_was_taken_is_known_to_the_next_one_under_the_same_id(opened, tmp_path):
    (tmp_path / "a.bai").write_bytes(b"x")
    (claim,) = opened(settle_seconds=0).take()
    assert opened().claims() == [claim]


def test_two_of_one_name_both_keep_their_place(opened, tmp_path):
    drops = opened(settle_seconds=0)
    for content in (b"1", b"2"):
        (tmp_path / "a.bai").write_bytes(content)
        (claim,) = drops.take()
        told = json.dumps({"claim_id": claim.claim_id, "n": content.decode()}).encode()
        drops.file(claim, drops.done, told, ".ack.json")
    kept = {one.name: one.read_bytes() for one in drops.done.iterdir()}
    assert (kept["a.bai"], kept["a.bai.2"]) == (b"1", b"2")
    assert b'"n": "2"' in kept["a.bai.2.ack.json"]


def test_killed_between_acknowledgement_and_move_it_is_filed_once(opened, tmp_path, monkeypatch):
    drops = opened(settle_seconds=0)
    (tmp_path / "a.bai").write_bytes(b"1")
    (claim,) = drops.take()
    told = json.dumps({"claim_id": claim.claim_id}).encode()

    class Killed(BaseException):
        pass

    def die(*_):
        raise Killed

    monkeypatch.setattr(type(claim.path), "rename", die)
    with pytest.raises(Killed):
        drops.file(claim, drops.done, told, ".ack.json")
    monkeypatch.undo()
    again = opened()
    (same,) = again.claims()
    again.file(same, again.done, told, ".ack.json")
    assert sorted(one.name for one in again.done.iterdir()) == ["a.bai", "a.bai.ack.json"]
    assert again.claims() == []


def test_what_was_killed_around_a_claim_is_cleared_away(opened, tmp_path):
    (tmp_path / "a.bai").write_bytes(b"x")
    (taken,) = opened(settle_seconds=0).take()
    (tmp_path / ".claimed" / "0f").mkdir()
    drops = opened(settle_seconds=0)
    assert sorted(one.name for one in (tmp_path / ".claimed").iterdir()) == sorted(
        ["lock", taken.claim_id]
    )
    assert drops.claims() == [taken]


def test_one_process_watches_a_folder(tmp_path, clock):
    import subprocess  # noqa: PLC0415 - only here
    import sys  # noqa: PLC0415 - only here

    script = (
        "import sys, pathlib; from tieout.drop_folder import *; p = pathlib.Path(sys.argv[1]); "
        "d = DropFolder(p, p / 'done', p / 'error', FolderRules(), lambda: 0.0); "
        "print('watching', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdout.readline() == b"watching\n"
    with pytest.raises(DropFolderBusyError):
        DropFolder(tmp_path, tmp_path / "done", tmp_path / "error", FolderRules(), clock)
    other.kill()
    other.communicate()
    DropFolder(tmp_path, tmp_path / "done", tmp_path / "error", FolderRules(), clock).close()
