"""One Spark session for all tests of a worker; tests that use it stand in one xdist group."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tieout.cluster_session import spark_session

sys.path.append(str(Path(__file__).parents[1] / "engine"))  # random worlds are the engine's


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """Spark on two cores of this machine, with little memory and few parts."""
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse")),
        "spark.local.dir": str(tmp_path_factory.mktemp("spark")),
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    with ExitStack() as held:
        # It hides pandas, which Spark's own workers need: they have what Java had when it began.
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PYTHONPATH")
            session = held.enter_context(spark_session("local[2,3]", None, settings))
        session.sparkContext.setLogLevel("OFF")
        yield session
