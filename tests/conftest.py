"""Settings of every test: a slow machine takes longer and finds the same."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any_machine")

# Servers that a test starts have no web unless the test asks for it: one port fewer to collide.
os.environ["TIEOUT_HTTP_ADDRESS"] = ""

# Tests start some hundreds of processes: each would compile all it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server of this process's own."""
    from bench.postgresql_server import PostgresqlServer  # noqa: PLC0415 - few tests need it

    server = PostgresqlServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The address of an empty store: the test runs on every database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return request.getfixturevalue("postgresql").new_database()
