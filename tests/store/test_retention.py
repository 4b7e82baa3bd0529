"""What is past its period is let go, by hand or by the settings; what ended runs decided stays."""

import pytest

from rpc.configuration_errors import ConfigurationError
from store import open_repository
from store.retention import Retention, purge, sweep
from store.runs import RunFilter, RunRecord
from tests.store.raw_rows import raw_rows
from tieout.configuration import read_configuration

DAY_MS = 24 * 3600 * 1000
NOW = 1_000 * DAY_MS


def run_of(identity, ended_day, state="done"):
    return RunRecord(
        run_id=identity,
        kind="bank_file",
        state=state,
        file_name="",
        size_bytes=1,
        content_sha256="0" * 64,
        request_id=identity,
        started_by="ann",
        created_at_ms=DAY_MS,
        ended_at_ms=ended_day * DAY_MS,
        result=b"receipt",
    )


@pytest.fixture
def repository(store_url):
    opened = open_repository(store_url)
    with opened.booking() as booking:
        for record in (run_of("old", 800), run_of("new", 950), run_of("waits", 0, "waiting")):
            booking.runs.record(record)
        booking.events.add("exception.changed", "x", 800 * DAY_MS, {})
    yield opened
    opened.close()


def runs_in(repository):
    return {one.run_id for one in repository.runs.list_runs(RunFilter(), None, 10)}


def test_ended_runs_are_swept_after_their_period_and_nothing_else_is(repository, store_url):
    assert sweep(repository, Retention(), NOW) == {"runs": 1}
    assert runs_in(repository) == {"new", "waits"}
    leaves = "SELECT actor FROM audit_entry WHERE kind = 'purge'"
    assert raw_rows(store_url, leaves) == [("retention",)]
    assert sweep(repository, Retention(), NOW) == {}
    assert len(raw_rows(store_url, leaves)) == 1, "what does nothing leaves no trace"
    assert raw_rows(store_url, "SELECT count(*) FROM event WHERE subject = 'x'") == [(1,)]


def test_a_period_of_no_days_is_for_ever(repository):
    assert sweep(repository, Retention(runs_days=0), NOW) == {}
    assert runs_in(repository) == {"old", "new", "waits"}


def test_a_purge_by_hand_takes_all_periods_at_once(repository):
    with repository.booking() as booking:
        found = purge(booking, Retention(runs_days=10, events_days=100), NOW, "ops")
    assert found == {"events": 1, "runs": 2}
    assert runs_in(repository) == {"waits"}


def test_a_period_that_is_too_short_is_refused(tmp_path):
    path = tmp_path / "tieout.toml"
    path.write_text("[retention]\nanswers_days = 3\n", "utf-8")
    with pytest.raises(ConfigurationError, match=r"retention\.answers_days is 3, expected 0"):
        read_configuration(path, {})
