"""Who answers is woken at once, who computes gives way: what the kernel was told."""

import os
import subprocess
import sys

import pytest

ASK = """
import os
import sys
from pathlib import Path
from rpc import processes
from rpc.processes import answer_at_once, give_way

def slices():
    lines = Path("/proc/self/sched").read_text().splitlines()
    return [line.split()[-1] for line in lines if "slice" in line]

# Whoever started this may have asked for short slices itself.
processes._schedule(os.SCHED_OTHER, 0)
niceness = os.nice(0)
usual = slices()
answer_at_once()
is_ordinary = os.sched_getscheduler(0) == os.SCHED_OTHER
print(is_ordinary, os.nice(0) - niceness, sys.getswitchinterval(), *slices())
give_way()
is_nicer = os.nice(0) == min(19, niceness + 5)
print(os.sched_getscheduler(0) == os.SCHED_BATCH, is_nicer, slices() == usual)
"""
HAS_SLICES = tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 12)


@pytest.fixture(scope="module")
def told():
    done = subprocess.run([sys.executable, "-c", ASK], stdout=subprocess.PIPE, check=True)
    return [line.split() for line in done.stdout.decode().splitlines()]


def test_the_front_stays_an_ordinary_process_with_short_slices(told):
    assert told[0][:3] == ["True", "0", "0.0005"]
    assert not HAS_SLICES or told[0][3:] == ["100000"]


def test_workers_are_nice_and_have_the_usual_slices_again(told):
    assert told[1] == ["True", "True", "True"]
