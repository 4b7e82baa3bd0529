"""Addresses of stores: what is understood, what is refused, what is shown."""

import sys

import pytest

from store import open_repository
from store.addresses import parse_address
from store.errors import StoreUrlError


@pytest.mark.parametrize("url", ["mysql://host/db", "sqlite:///", "store.db", "", "sqlite:///a?b"])
def test_an_address_of_no_store_is_refused(url):
    with pytest.raises(StoreUrlError, match=r"expected sqlite:///file\.db or postgresql://"):
        open_repository(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@db/name", "postgresql://u@db/name"),
        ("postgresql://db/name?password=secret&a=1", "postgresql://db/name?password=***&a=1"),
        ("postgres://u@db:5433/name", "postgres://u@db:5433/name"),
        ("sqlite:////var/lib/t.db", "sqlite:////var/lib/t.db"),
    ],
)
def test_a_password_is_never_shown(url, shown):
    assert parse_address(url).shown == shown


def test_without_psycopg_postgresql_is_an_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "store.postgresql", None)
    with pytest.raises(StoreUrlError, match=r"install tieout\[postgresql\]") as caught:
        open_repository("postgresql://u:secret@db/name")
    assert "secret" not in str(caught.value)
