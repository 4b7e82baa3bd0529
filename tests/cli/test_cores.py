"""Work on all cores: in order, bounded, and no core idle while another one has two threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from tieout.cores import CoreMap

CORES = os.sched_getaffinity(0)


def test_work_on_several_cores_keeps_its_order():
    under_way, most = [], []

    def square(value):
        under_way.append(value)
        most.append(len(under_way))
        under_way.remove(value)
        return value * value

    with CoreMap(3) as cores:
        assert list(cores(square, iter(range(50)))) == [value * value for value in range(50)]
    assert max(most) <= 3


def test_an_error_of_the_work_reaches_the_caller():
    def fail(value):
        return 1 // value

    with CoreMap(2) as cores, pytest.raises(ZeroDivisionError):
        list(cores(fail, [1, 2, 0, 3]))


def test_threads_wait_on_cores_of_their_own_and_work_on_any():
    both = threading.Barrier(2)

    def work(_):
        both.wait(30)
        return threading.get_native_id(), os.sched_getaffinity(0)

    with CoreMap(2) as cores:
        for _ in range(3):
            at_work = dict(cores(work, range(2)))
            assert list(at_work.values()) == [CORES, CORES]
        waiting = [os.sched_getaffinity(thread) for thread in at_work]
    assert sorted(map(len, waiting)) == [1, 1]
    assert len(set.union(*waiting)) == min(2, len(CORES))


def test_what_the_work_starts_may_run_on_every_core():
    asked = "import os; print(sorted(os.sched_getaffinity(0)))"

    def start(_):
        return subprocess.check_output([sys.executable, "-c", asked], text=True)

    with CoreMap(2) as cores:
        assert set(cores(start, range(4))) == {f"{sorted(CORES)}\n"}


def test_threads_go_on_where_cores_are_taken_away(monkeypatch):
    def refused(*_):
        raise OSError

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    with CoreMap(2) as cores:
        assert list(cores(abs, [-1, 2, -3])) == [1, 2, 3]
