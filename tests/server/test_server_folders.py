"""Where a server keeps what is on its way: never in the folder it happens to be started in."""

from pathlib import Path

import msgspec
import pytest

from rpc.configuration_errors import ConfigurationError
from rpc.log_lines import Mask
from rpc.secret_files import Secret
from tieout.configuration import read_configuration
from tieout.serving.folders import folders_in_memory, lasting_folder, placed, spool_folder

URL = "postgresql://tieout:secret@db.internal/tieout"


def folders(environment, **overrides):
    configuration = placed(read_configuration(None, overrides), environment)
    return spool_folder(configuration), lasting_folder(configuration)


@pytest.mark.parametrize(
    ("environment", "state"),
    [
        ({"STATE_DIRECTORY": "/var/lib/tieout:/var/lib/more", "HOME": "/root"}, "/var/lib/tieout"),
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/ann"}, "/state/tieout"),
        ({"HOME": "/home/ann"}, "/home/ann/.local/state/tieout"),
    ],
)
def test_a_store_in_postgresql_has_a_folder_of_its_own_in_the_state(environment, state):
    spool, lasting = folders(environment, store=URL)
    assert spool.parent == lasting.parent
    assert spool.parent.parent == Path(state)
    other, _ = folders(environment, store=URL.replace("db.internal", "other"))
    assert other.parent != spool.parent
    again, _ = folders(environment, store=URL.replace("secret", "rotated"))
    assert again == spool, "a new password is no new store"


def test_nobody_without_a_home_gets_folders_anywhere():
    with pytest.raises(ConfigurationError, match="spool is not set"):
        folders({}, store=URL)


def test_what_is_set_and_what_is_beside_a_file_stay_where_they_are(tmp_path):
    environment = {"HOME": "/home/ann"}
    assert folders(environment, store=URL, spool=str(tmp_path)) == (
        tmp_path / "tieout-spool",
        tmp_path / "tieout-resident",
    )
    assert folders(environment, store=f"sqlite:///{tmp_path}/a.db") == (
        tmp_path / "a.db.spool",
        tmp_path / "a.db.resident",
    )


def test_a_folder_in_memory_is_named_so_that_no_log_takes_it_for_an_account(tmp_path, monkeypatch):
    monkeypatch.setattr("tieout.serving.folders._memory_is_large", lambda: True)
    monkeypatch.setattr("tieout.serving.folders._MEMORY", tmp_path)
    mask = Mask(Secret(b"key"))
    names = set()
    for number in range(1_000):  # three or four of them have digits only
        plain = read_configuration(None, {"store": f"sqlite:////data/{number}/store.db"})
        sealed = msgspec.structs.replace(plain.store, encryption_key_file="/run/keys")
        folder = spool_folder(msgspec.structs.replace(plain, store=sealed))
        folder.mkdir()
        names.add(folder.name)
    assert any(name[-12:].isdecimal() for name in names)
    assert {mask.text(f"left in {name}: 6 files, 4.6 MiB") for name in names} == {
        f"left in {name}: 6 files, 4.6 MiB" for name in names
    }
    assert {one.name for one in folders_in_memory()} == names
