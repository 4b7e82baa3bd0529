"""A real server in its own process, as an operator starts it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.server.requests import OPEN_ITEMS_CSV

__all__ = ["START_SECONDS", "RunningServer", "said_in"]

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 60
LOOK_SECONDS = 0.01
STOP_SECONDS = 30


class RunningServer:
    """`python -m server` with a store in `folder`; free ports; `settings` are a tieout.toml.

    It has one worker, the dearest part of a start, where nothing says otherwise.
    """

    def __init__(self, folder, settings="", **environment):
        self.folder = folder
        (folder / "open_items.csv").write_text(OPEN_ITEMS_CSV, "utf-8")
        self.log = folder / "server.log"
        given = {
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_WORKERS": "1",
            "TIEOUT_STORE": f"sqlite:///{folder / 'store.db'}",
            "TIEOUT_OPEN_ITEMS": str(folder / "open_items.csv"),
            "XDG_STATE_HOME": str(folder / "state"),
        }
        if settings:
            (folder / "tieout.toml").write_text(settings, "utf-8")
            given["TIEOUT_CONFIG"] = str(folder / "tieout.toml")
            del given["TIEOUT_OPEN_ITEMS"], given["TIEOUT_STORE"]
        if re.search(r"^workers = ", settings, re.MULTILINE):
            del given["TIEOUT_WORKERS"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "server"],
                cwd=ROOT,
                env=os.environ | given | environment,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        self.address = self._said(r"gRPC on (\S+)")
        has_web = bool((os.environ | environment).get("TIEOUT_HTTP_ADDRESS"))
        self.url = self._said(r"JSON on (\S+)").rstrip("/") if has_web else ""
        self.metrics = self._said(r"metrics on (\S+)")

    def _said(self, pattern):
        return said_in(self.log, pattern, lambda: self.process.poll() is None, START_SECONDS)

    def workers(self):
        """Process ids of the workers, from the kernel's own list."""
        tasks = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return [int(pid) for task in tasks for pid in task.read_text().split()]

    def terminate(self):
        """SIGTERM; gives the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.kill()


def said_in(log, pattern, is_alive, seconds):
    """The group of `pattern` in what a server wrote to `log`, as soon as it is there.

    So many seconds of looking: a machine that stands still, and all on it, is waited for.
    """
    for _ in range(int(seconds / LOOK_SECONDS)):
        was_alive = is_alive()
        found = re.search(pattern, log.read_text("utf-8")) if log.exists() else None
        if found:
            return found[1]
        if not was_alive:
            break
        time.sleep(LOOK_SECONDS)
    message = f"the server did not say {pattern!r}:\n{log.read_text('utf-8')}"
    raise AssertionError(message)
