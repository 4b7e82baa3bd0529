"""A server that starts at once: it and its workers are forked from a process that has loaded all.

The same front, the same worker processes, the same pipes and sockets; what is left out is loading
the same libraries again. For tests that start servers by the hundred.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from rpc import worker_process, workers
from server import main
from tests.server.running_server import START_SECONDS, said_in

__all__ = ["ForkedServer", "preloaded"]

OURS = ("tests.server.forked_server", "tests.store.killed_writer")
LOADED_LATER = ("dateutil.relativedelta", "encodings.idna", "numpy.ma", "pyarrow.dataset")
"""What a server loads with the first call that needs it."""

WITHOUT_PANDAS = Path(__file__).parents[1] / "without_pandas"


def preloaded():
    """How processes are started from one that has loaded what they need."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*OURS, *LOADED_LATER])
    return context


class ForkedServer:
    """A server over the store at `url`, with its files in `folder`, and one worker."""

    def __init__(self, folder, url, **environment):
        self.log = folder / "server.log"
        self.log.unlink(missing_ok=True)
        given = {
            "TIEOUT_GRPC_ADDRESS": "127.0.0.1:0",
            "TIEOUT_METRICS_ADDRESS": "127.0.0.1:0",
            "TIEOUT_WORKERS": "1",
            "TIEOUT_STORE": url,
            "XDG_STATE_HOME": str(folder / "state"),
        }
        self.process = preloaded().Process(target=_serve, args=(str(self.log), given | environment))
        self.process.start()
        self.address = said_in(self.log, r"gRPC on (\S+)", self.process.is_alive, START_SECONDS)

    def terminate(self):
        """SIGTERM; gives the exit code."""
        self.process.terminate()
        self.process.join()
        return self.process.exitcode

    def kill(self):
        """SIGKILL; workers die with it."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def _serve(log, environment):
    with open(log, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor is what is wanted
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.environ.update(environment)
    # pyarrow looks for it in every process.
    sys.path.insert(0, str(WITHOUT_PANDAS))
    # Before anything is opened: neither SQLite nor gRPC may be carried into another process.
    ready = [_Worker() for _ in range(int(environment["TIEOUT_WORKERS"]))]

    async def next_worker(*command, limit, **_):
        assert command[1:] == ("-m", "rpc.worker_process"), command
        worker = ready.pop()
        await worker.connect(limit)
        return worker

    workers.asyncio.create_subprocess_exec = next_worker
    main()


class _Worker:
    """A worker process that waits for its settings, as the pool knows one."""

    def __init__(self):
        self._ours, theirs = socket.socketpair()
        self.pid = os.fork()
        self.returncode = self._ending = None
        if self.pid == 0:
            _work(theirs)
        theirs.close()

    async def connect(self, limit):
        connected = await asyncio.open_connection(sock=self._ours, limit=limit)
        self.stdout, self.stdin = connected

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    async def wait(self):
        # It can be waited for once, and is asked for again where it did not end in time.
        if self._ending is None:
            self._ending = asyncio.create_task(asyncio.to_thread(os.waitpid, self.pid, 0))
        _, status = await asyncio.shield(self._ending)
        self.returncode = os.waitstatus_to_exitcode(status)


def _work(jobs):
    """Be a worker to the end."""
    os.dup2(jobs.fileno(), 0)
    os.dup2(jobs.fileno(), 1)
    for descriptor in [int(one.name) for one in Path("/proc/self/fd").iterdir()]:
        if descriptor > 2:
            with suppress(OSError):
                os.close(descriptor)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it stays open to the end
    try:
        worker_process.main()
    finally:
        os._exit(0)
