"""Settings of every test: a slow machine takes longer and finds the same."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from pathlib import Path

import pytest
from _pytest.nodeid import NodeId
from hypothesis import HealthCheck, settings

settings.register_profile(
    "any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any_machine")

# Servers that a test starts have no web unless the test asks for it: one port fewer to collide.
os.environ["TIEOUT_HTTP_ADDRESS"] = ""

# Tests start some hundreds of processes: each would compile all it imports anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_configure(config):
    """Processes that tests start look for modules in `without_pandas` first."""
    if not getattr(config.option, "numprocesses", None):
        before = os.environ.get("PYTHONPATH")
        hidden = str(Path(__file__).with_name("without_pandas"))
        os.environ["PYTHONPATH"] = os.pathsep.join([hidden, before] if before else [hidden])


def pytest_collection_finish():
    """What is there for good is looked at no more by whatever collects garbage."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config, items):
    """What a module makes once for its tests is made once: they run on one worker.

    Modules that share what is dearer still (a server, a browser, Spark) name their group by the
    mark `xdist_group`. The largest groups begin first, single tests fill what is left: xdist does
    so by itself, by the end of a test's id. It writes that end where pytest 9.2 no longer looks.
    """
    for item in items:
        mark = item.get_closest_marker("xdist_group")
        module = item.nodeid.partition("::")[0]
        made = (one[-1] for one in item._fixtureinfo.name2fixturedefs.values())
        if mark is not None:
            group = mark.args[0]
        elif any(one.scope == "module" and one.baseid == module for one in made):
            group = module
        else:
            continue
        if hasattr(config, "workerinput"):
            item._id = NodeId.parse(f"{item.nodeid}@{group}")
            assert item.nodeid.endswith(f"@{group}"), "xdist would deal the tests of a group out"


DEADLINE_SECONDS = 300
"""How long a test may wait for what never comes: ten times what the slowest takes."""


def _too_late(_number, _frame):
    pytest.fail(f"it had not ended after {DEADLINE_SECONDS} seconds; what it waited for is above")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    """A test that hangs fails, with the line where it waits; those of the long runs may take long.

    The alarm comes again: what cleans up, or is tried once more, ends as well. Where it cannot be
    heard (within foreign code), pytest's `faulthandler_timeout` ends the process.
    """
    if item.get_closest_marker("long"):
        return (yield)
    before = signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_SECONDS, 20)
    try:
        return (yield)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def postgresql():
    """A PostgreSQL server of this process's own."""
    from bench.postgresql_server import PostgresqlServer  # noqa: PLC0415 - few tests need it

    server = PostgresqlServer()
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def new_store_url(request, tmp_path):
    """The address of a store that nobody has opened: the test runs on every database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return request.getfixturevalue("postgresql").new_database()


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory):
    """A store without rows in a file, to be copied: its tables are made once."""
    from store import open_repository  # noqa: PLC0415 - few tests need it

    path = tmp_path_factory.mktemp("empty") / "store.db"
    open_repository(f"sqlite:///{path}").close()
    return path


@pytest.fixture(scope="session")
def empty_postgresql(postgresql):
    """A store without rows in PostgreSQL, to be copied."""
    from store import open_repository  # noqa: PLC0415 - few tests need it

    url = postgresql.new_database()
    open_repository(url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request, tmp_path):
    """The address of a store of the default tenant, current and without rows, on every database."""
    if request.param == "sqlite":
        path = tmp_path / "store.db"
        shutil.copyfile(request.getfixturevalue("empty_sqlite"), path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgresql")
    url = server.new_database(request.getfixturevalue("empty_postgresql"))
    yield url
    server.drop(url)
