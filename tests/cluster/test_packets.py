"""Rows reach the task they are sent to, each once; errors say what stopped a run."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.errors import PythonException

from cluster.errors import AuditError, ClusterFailedError, PlaceError, UnusableInputError
from cluster.failures import failure_of
from cluster.packets import Packet, Received, batches_of, scattered

ROWS = pa.schema([("number", pa.int64()), ("texts", pa.list_(pa.string()))])


@given(st.lists(st.integers(-1, 4)), st.integers(1, 5))
def test_each_row_arrives_once_at_its_task(tasks, pieces):
    task = np.array(tasks, dtype=np.int64)
    texts = [[str(at)] * (at % 3) for at in range(len(task))]
    table = pa.table({"number": np.arange(len(task)), "texts": texts}, schema=ROWS)
    sent = [
        packet
        for part in np.array_split(np.arange(len(task)), pieces)
        for packet in scattered("rows", table.take(pa.array(part)), task[part])
    ]
    batches = [*batches_of(iter(sent)), *batches_of(iter([Packet(7, "", 0, b"")]))]
    received = Received.by_task(batches)
    assert sorted({*tasks, 7} - {-1}) == [*received]
    assert received.pop(7).names() == []
    for one, came in received.items():
        assert came.table("rows", ROWS).equals(table.filter(pa.array(task == one)))
    assert sum(packet.rows for packet in sent) == int((task >= 0).sum())


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (
            PythonException("Traceback\nparsers.errors.TableError: a.csv: row 1: 'ten'\n\tat x"),
            UnusableInputError,
            "a.csv: row 1: 'ten'",
        ),
        (
            PythonException("engine.errors.ConservationError: payment P1: 3 left over\n"),
            AuditError,
            "payment P1: 3 left over; nothing was passed on",
        ),
        (
            PythonException("Job aborted\nCaused by: java.io.IOException: No space left on device"),
            ClusterFailedError,
            "write: a disk is full (no space left on device): make room",
        ),
        (OSError(errno.ENOSPC, "no room"), ClusterFailedError, "write: a disk is full"),
        (
            PythonException(
                "Job aborted\nCaused by: org.apache.spark.SparkException: lost 4\n\tat"
            ),
            ClusterFailedError,
            "write: Spark gave up: org.apache.spark.SparkException: lost 4; nothing was passed on",
        ),
        (PlaceError("hdfs:///x: no such host"), PlaceError, "hdfs:///x: no such host"),
    ],
)
def test_what_stopped_a_stage_is_said(error, kind, said):
    failure = failure_of(error, "write")
    assert type(failure) is kind
    assert str(failure).startswith(said)


@pytest.mark.parametrize(("command", "is_there"), [("cluster", True), ("parse", False)])
def test_the_command_line_lets_spark_have_its_pandas(command, is_there):
    code = f"""
import sys
from tieout.commands import main
sys.argv = ["tieout", "{command}", "--help"]
main()
try:
    import pandas
except ModuleNotFoundError:
    sys.exit(3)
"""
    seen = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ended = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=False, env=seen, timeout=120
    )
    assert ended.returncode == (0 if is_there else 3)


def test_a_mistake_of_ours_stays_what_it_is():
    assert failure_of(KeyError("column"), "write") is None
