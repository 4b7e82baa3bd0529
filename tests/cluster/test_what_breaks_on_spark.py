"""Executors die, disks fill up: a run is finished all the same, or nothing is passed on.

Each test starts a Spark of its own, in a process of its own, as an operator does.
"""

from __future__ import annotations

import faulthandler
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyspark
import pytest
from cluster_worlds import differing_tables, in_parts, make_world, matched_in_one_process

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("spark")]


@pytest.fixture(autouse=True)
def _as_long_as_it_takes():
    """A Spark that loses an executor waits for it: beside other work longer than any other test."""
    faulthandler.cancel_dump_traceback_later()


def env(**more):
    """Where Spark finds its pandas, which processes that tests start have hidden from them."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


AFTER_A_KILL = """
import hashlib, os, secrets, signal, sys, time
from pathlib import Path

import msgspec

from cluster.job import match_on_cluster
from cluster.settings import ClusterJob, Cuts
from tieout.cluster_inputs import read_remittance_places
from tieout.cluster_output import cluster_hooks
from tieout.cluster_session import spark_session

world, out, killed, slow, told = map(Path, sys.argv[1:])
hooks = cluster_hooks(read_remittance_places([str(world / "remittances.parquet")]))
tell = hooks.tell

def parent_of(process):
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])

def tell_after_a_kill(match_input, result):
    if not killed.exists():
        executor = parent_of(parent_of(os.getpid()))
        killed.write_text(Path(f"/proc/{executor}/cmdline").read_text().replace(chr(0), " "))
        os.kill(executor, signal.SIGKILL)
    ids = "".join(match_input.payments.strings("payment_id"))
    bucket = hashlib.sha256(ids.encode()).hexdigest()
    (told / f"{bucket}-{secrets.token_hex(4)}").touch()
    if not slow.exists():
        slow.write_text(bucket)
        time.sleep(60)
    return tell(match_input, result)

job = ClusterJob(
    open_items=str(world / "open_items"),
    payments=str(world / "payments.parquet"),
    customers=str(world / "customers.parquet"),
    bank_accounts=str(world / "bank_accounts.parquet"),
    out=str(out),
    cuts=Cuts(bucket_items=600, bucket_payments=100, file_payments=100),
)
settings = {
    "spark.executor.memory": "700m",
    "spark.driver.memory": "700m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "4",
    "spark.local.dir": str(out.parent / "spark"),
    "spark.speculation": "true",
    "spark.speculation.quantile": "0.1",
    "spark.speculation.multiplier": "1.1",
}
hooks = msgspec.structs.replace(hooks, tell=tell_after_a_kill)
with spark_session("local-cluster[2,1,700]", None, settings) as spark:
    match_on_cluster(spark, job, hooks)
"""


def test_an_executor_that_is_killed_or_slow_costs_nothing_but_time(tmp_path):
    world = make_world("demo", tmp_path / "world", 200, 1_500, seed=4)
    in_parts(world / "open_items.parquet", 3)
    out = tmp_path / "out"
    killed, slow, told = (tmp_path / name for name in ("killed", "slow", "told"))
    told.mkdir()
    home = str(Path(pyspark.__file__).parent)
    ended = subprocess.run(
        [sys.executable, "-c", AFTER_A_KILL, *map(str, (world, out, killed, slow, told))],
        env=env(SPARK_HOME=home),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "CoarseGrainedExecutorBackend" in killed.read_text()
    # The slow task was given to the other executor as well.
    assert len(list(told.glob(f"{slow.read_text()}-*"))) > 1
    assert differing_tables(matched_in_one_process(world, tmp_path / "run"), out) == {}


def test_a_driver_that_is_killed_goes_on_after_its_last_finished_stage(tmp_path):
    world = make_world("demo", tmp_path / "world", 200, 1_500, seed=4)
    out = tmp_path / "out"
    command = [
        *(str(Path(sys.executable).with_name("tieout")), "cluster", "match"),
        *("--master", "local[1]", "--json"),
        *("--open-items", str(world / "open_items.parquet")),
        *("--payments", str(world / "payments.parquet")),
        *("--customers", str(world / "customers.parquet")),
        *("--bank-accounts", str(world / "bank_accounts.parquet")),
        *("--remittances", str(world / "remittances.parquet")),
        *("--memory", str(tmp_path / "memory"), "--out", str(out)),
    ]
    note = tmp_path / ".out.work" / "stages" / "read_payments.json"
    surroundings = env(SPARK_LOCAL_IP="127.0.0.1")
    driver = subprocess.Popen(command, env=surroundings, cwd=tmp_path, start_new_session=True)
    while not note.exists():
        assert driver.poll() is None
        time.sleep(0.1)
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert not out.exists()
    again = subprocess.run(
        command, env=surroundings, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert again.returncode == 0, again.stderr
    resumed = [one["stage"] for one in json.loads(again.stdout)["stages"] if one["resumed"]]
    assert resumed[0] == "inputs"
    assert "read_payments" in resumed
    assert differing_tables(matched_in_one_process(world, tmp_path / "run"), out) == {}


@pytest.mark.parametrize("size", ["1m", "9m"])
def test_a_full_disk_is_said_and_nothing_is_passed_on(tmp_path, size):
    world = make_world("demo", tmp_path / "world", 2_000, 14_000, seed=4)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = shlex.join(
        [
            *(str(Path(sys.executable).with_name("tieout")), "cluster", "match"),
            *("--master", "local[1]"),
            *("--open-items", str(world / "open_items.parquet")),
            *("--payments", str(world / "payments.parquet")),
            *("--customers", str(world / "customers.parquet")),
            *("--out", str(disk / "out")),
        ]
    )
    script = (
        f"mount -t tmpfs -o size={size} tmpfs {disk} || exit 99\n"
        f"{command}\ncode=$?\nls -A {disk}\nexit $code\n"
    )
    unshare = shutil.which("unshare")
    assert unshare is not None, "util-linux is missing"
    ended = subprocess.run(
        [unshare, "--user", "--map-root-user", "--mount", "sh", "-c", script],
        env=env(SPARK_LOCAL_IP="127.0.0.1"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 75, ended.stderr
    assert "a disk is full (no space left on device): make room" in ended.stderr
    assert ended.stdout.split() == [".out.work"]


def test_a_spark_connect_server_gives_the_rows_of_one_process(tmp_path):
    world = make_world("demo", tmp_path / "world", 200, 1_500, seed=4)
    in_parts(world / "open_items.parquet", 3)
    home = Path(pyspark.__file__).parent
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "spark.connect.grpc.binding.port": str(port),
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.sql.shuffle.partitions": "2",
        "spark.sql.session.timeZone": "UTC",
    }
    server = subprocess.Popen(
        [
            *(str(home / "bin" / "spark-submit"), "--master", "local[2]"),
            *("--driver-memory", "700m"),
            *("--class", "org.apache.spark.sql.connect.service.SparkConnectServer"),
            *(part for one in settings.items() for part in ("--conf", "=".join(one))),
            "spark-internal",
        ],
        env=env(SPARK_HOME=str(home), SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    drained = threading.Thread(target=server.stderr.read, daemon=True)
    try:
        # It says so itself when it listens.
        listening = any("Spark Connect server started" in line for line in server.stderr)
        drained.start()
        assert listening
        ended = subprocess.run(
            [
                *(str(Path(sys.executable).with_name("tieout")), "cluster", "match"),
                *("--remote", f"sc://127.0.0.1:{port}", "--bucket-items", "1000"),
                *("--open-items", str(world / "open_items")),
                *("--payments", str(world / "payments.parquet")),
                *("--customers", str(world / "customers.parquet")),
                *("--bank-accounts", str(world / "bank_accounts.parquet")),
                *("--remittances", str(world / "remittances.parquet")),
                *("--out", str(tmp_path / "out")),
            ],
            env=env(),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        server.terminate()
        drained.join()
        server.stderr.close()
        server.wait()
    assert ended.returncode == 0, ended.stderr
    assert differing_tables(matched_in_one_process(world, tmp_path / "run"), tmp_path / "out") == {}
