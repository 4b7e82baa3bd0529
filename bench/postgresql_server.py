"""A PostgreSQL server of our own: started from nothing, gone with the process that asked."""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import psycopg

__all__ = ["PostgresqlServer"]

START_SECONDS: Final = 60
_SET_PARENT_DEATH_SIGNAL: Final = 1
_SETTINGS: Final = {
    "listen_addresses": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "autovacuum": "off",
}
_NOT_DURABLE: Final = {"fsync": "off", "full_page_writes": "off"}
"""For tests: they kill processes, not machines, and what was handed to the kernel stays."""

_MEMORY_BYTES_MIN: Final = 1 << 30


def programs() -> Path:
    """The folder of PostgreSQL's server programs."""
    found = shutil.which("initdb")
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found and not debian:
        message = "no PostgreSQL server on this machine; `make test` installs it (apt, postgresql)"
        raise AssertionError(message)
    return Path(found).resolve().parent if found else debian[-1].parent


def user() -> dict[str, Any]:
    """Somebody else where the tests run as root: the server refuses to be it."""
    if os.geteuid():
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    name = next(name for name in ("postgres", "nobody") if name in names)
    entry = pwd.getpwnam(name)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _memory() -> Path | None:
    """Where files are in memory, if there is room: a database is some 600 files."""
    place = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
    has_room = place.is_dir() and shutil.disk_usage(place).free >= _MEMORY_BYTES_MIN
    return place if has_room else None


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGQUIT)


class PostgresqlServer:
    """One server on a socket in a temporary folder; every store has a database of its own."""

    def __init__(self, *, durable: bool = False) -> None:
        """Make and start it; `durable` commits survive a machine that stops."""
        place = None if durable else _memory()
        self.folder = Path(tempfile.mkdtemp(prefix="tieout-postgresql-", dir=place))
        self.who = user()
        if self.who:
            os.chown(self.folder, self.who["user"], self.who["group"])
        self.folder.chmod(0o700)
        self.count = 0
        self.process: subprocess.Popen[bytes]
        self._settings = _SETTINGS | ({} if durable else _NOT_DURABLE)
        self._run("initdb", "-A", "trust", "-U", "admin", "--no-sync", "-E", "UTF8", "--locale=C")
        self.start()
        with self.connect() as connection:
            connection.execute("CREATE ROLE tieout LOGIN")
            connection.execute("ALTER ROLE tieout SET client_min_messages = warning")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [programs() / program, "-D", self.folder / "data", *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            **self.who,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start, and wait until it answers."""
        settings = [f"--{name}={value}" for name, value in self._settings.items()]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    programs() / "postgres",
                    "-D",
                    self.folder / "data",
                    "-k",
                    self.folder,
                    *settings,
                ],
                stdout=log,
                stderr=log,
                cwd="/",
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - nothing but a system call
                **self.who,
            )
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
            except psycopg.OperationalError:
                said = (self.folder / "log").read_text("utf-8")
                assert self.process.poll() is None, said
                assert time.monotonic() < end, said
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """SIGKILL to the server and every process it has, as a machine that runs out of memory."""
        listed = (self.folder / "data" / "postmaster.pid").read_text("utf-8").split()
        children = Path(f"/proc/{listed[0]}/task/{listed[0]}/children").read_text().split()
        self.process.kill()
        for pid in children:
            os.kill(int(pid), signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it and leave nothing."""
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait()
        shutil.rmtree(self.folder)

    def connect(
        self, database: str = "postgres", user: str = "admin"
    ) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the tests' own, autocommitted."""
        return psycopg.connect(host=str(self.folder), dbname=database, user=user, autocommit=True)

    def url(self, database: str, user: str = "tieout") -> str:
        """The store's address."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def new_database(self, like: str = "") -> str:
        """The address of a database whose owner is no superuser: empty, or as the one at `like`,
        to which nobody may be connected.
        """
        self.count += 1
        name = f"store_{self.count}"
        template = psycopg.conninfo.conninfo_to_dict(like)["dbname"] if like else "template1"
        create = f"CREATE DATABASE {name} OWNER tieout TEMPLATE {template} STRATEGY file_copy"
        with self.connect() as connection:
            connection.execute(create.encode())
        return self.url(name)

    def drop(self, url: str) -> None:
        """Drop the database at `url`, whoever is connected to it."""
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        with self.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
