"""Frames of a stream: written behind the one who reads it, whole and in order, never to a file that
is closed.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing

import pytest

from rpc.errors import FileTooLargeError
from rpc.spool import SpooledFile, read_frames, spooled_behind

PARTS = [b"%d" % number * number for number in range(1, 40)]


async def arriving(parts):
    for part in parts:
        await asyncio.sleep(0)
        yield part


def test_every_frame_is_written_in_order(tmp_path):
    async def main():
        with SpooledFile(tmp_path / "x", 1 << 20) as spooled:
            seen = [part async for part in spooled_behind(spooled, arriving(PARTS))]
            spooled.finish()
            assert seen == PARTS
            assert list(read_frames(spooled.path)) == PARTS

    asyncio.run(main())


def test_a_stream_that_is_too_large_ends_at_the_frame_behind(tmp_path):
    async def main():
        with SpooledFile(tmp_path / "x", 100) as spooled:
            with pytest.raises(FileTooLargeError):
                async for _ in spooled_behind(spooled, arriving([b"1" * 80, b"2" * 80, b"3"])):
                    pass
            assert spooled.size_bytes > 100

    asyncio.run(main())


def test_whoever_gives_up_waits_for_what_is_being_written(tmp_path, monkeypatch):
    began, may, wrote = threading.Event(), threading.Event(), []

    def slow(spooled, content):
        began.set()
        assert may.wait(30)
        wrote.append((content, spooled._file.closed))

    monkeypatch.setattr(SpooledFile, "add_frame", slow)

    async def read(path):
        with SpooledFile(path, 100) as spooled:
            async with aclosing(spooled_behind(spooled, arriving([b"1", b"2"]))) as written:
                async for _ in written:
                    pass

    async def main():
        reading = asyncio.create_task(read(tmp_path / "x"))
        await asyncio.to_thread(began.wait, 30)
        reading.cancel()
        await asyncio.sleep(0.02)
        assert not reading.done()
        may.set()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(main())
    assert wrote == [(b"1", False)]
