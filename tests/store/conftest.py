"""A store with a key file, opened as often as a test likes."""

import contextlib

import pytest

from store import open_repository
from store.key_ring import add_master_key


@pytest.fixture
def key_file(tmp_path):
    """A file with one master key."""
    path = tmp_path / "encryption.keys"
    add_master_key(path, "k1")
    return path


@pytest.fixture
def opened(store_url, key_file):
    """Opens the store, with the key file or another one (None: with none)."""
    with contextlib.ExitStack() as stack:

        def again(path=key_file):
            repository = open_repository(store_url, encryption_key_file=str(path or ""))
            stack.callback(repository.close)
            return repository

        yield again
