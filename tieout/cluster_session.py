"""A Spark session for the command line: one that is there, of Spark Connect, or of its own."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from tieout.exit_codes import SparkMissingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

__all__ = ["LOCAL_SETTINGS", "spark_session"]

LOCAL_SETTINGS: Final = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.sql.files.maxPartitionBytes": "32m",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
}
"""Settings of a session made here; a cluster's own stand in its configuration."""


@contextmanager
def spark_session(
    master: str | None, remote: str | None, settings: dict[str, str] | None = None
) -> Iterator[SparkSession]:
    """A session on `master`, or on the Spark Connect server `remote`; where neither is given the
    one `spark-submit` started, else one on all cores of this machine. One made here is stopped.

    Raises `SparkMissingError` where Spark, or Java, is not installed.
    """
    try:
        from pyspark.errors import PySparkRuntimeError  # noqa: PLC0415 - an extra, and slow
        from pyspark.sql import SparkSession  # noqa: PLC0415 - as above
    except ImportError:
        message = "Spark is not installed: pip install 'tieout[spark]' (and Java 17 or later)"
        raise SparkMissingError(message) from None
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    running = SparkSession.getActiveSession()
    if running is not None and master is None and remote is None:
        yield running
        return
    builder = SparkSession.builder.appName("tieout")
    if remote is not None:
        builder = builder.remote(remote)
    else:
        if master is not None:
            builder = builder.master(master)
        for name, value in (LOCAL_SETTINGS | (settings or {})).items():
            builder = builder.config(name, value)
    try:
        spark = builder.getOrCreate()
    except ImportError as error:
        message = f"Spark lacks a library ({error}): pip install 'tieout[spark]'"
        raise SparkMissingError(message) from None
    except PySparkRuntimeError as error:
        if error.getCondition() != "JAVA_GATEWAY_EXITED":
            raise
        message = (
            "Spark does not start, for the reason above: it needs Java 17 or later (JAVA_HOME, or "
            "java on the PATH), and a --master that it knows"
        )
        raise SparkMissingError(message) from None
    try:
        yield spark
    finally:
        # Interrupted within a call it cannot be asked any more; it ends with this process then.
        with suppress(Exception):
            spark.stop()
