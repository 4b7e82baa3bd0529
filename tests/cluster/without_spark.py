"""A whole run without Spark: the stages as they are, their steps one after another in this process.

What Spark is asked for (`cluster.flow`) is done here by lists. Functions go through a pickle, as
they do on their way to a task, so that what a task could not be sent is seen here as well.
"""

from __future__ import annotations

import sys
from contextlib import nullcontext

from pyspark import cloudpickle

from cluster import flow
from cluster.job import match_on_cluster
from cluster.packets import Received, batches_of

OF_SPARK = {name: getattr(flow, name) for name in ("begun", "passed", "gathered")}


class Batches(list):
    """Packets on their way."""

    def unionByName(self, other):  # noqa: N802 - as Spark calls it
        return Batches([*self, *other])


class NoSpark:
    """As much of a session as the stages ask for."""

    def __init__(self):
        self.conf = {"spark.sql.shuffle.partitions": "2"}

    def addTag(self, name):  # noqa: N802 - as Spark calls it
        del name

    def removeTag(self, name):  # noqa: N802 - as Spark calls it
        del name


def sent(make):
    return cloudpickle.loads(cloudpickle.dumps(make))


def begun(spark, count, make):
    del spark
    return Batches(batch for number in range(count) for batch in batches_of(sent(make)(number)))


def passed(packets, count, make):
    received = Received.by_task(packets)
    assert not received or max(received) < count
    return Batches(
        batch
        for number in range(count)
        for batch in batches_of(sent(make)(number, received.get(number, Received())))
    )


def gathered(packets):
    whole = Received()
    for received in Received.by_task(packets).values():
        for name in received.names():
            for content in received.contents(name):
                whole.take(name, content)
    return whole


def match_without_spark(monkeypatch, job, hooks, observe=lambda _stage, _rows: None):
    """`match_on_cluster`, as Spark would do it."""
    with monkeypatch.context() as patch:
        for module in [one for name, one in sys.modules.items() if name.startswith("cluster.")]:
            for name, of_spark in OF_SPARK.items():
                if getattr(module, name, None) is of_spark:
                    patch.setattr(module, name, globals()[name])
        patch.setattr("cluster.job.settled", lambda _: nullcontext())
        return match_on_cluster(NoSpark(), job, hooks, observe)
