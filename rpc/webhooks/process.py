"""The process of webhooks: settings on its standard input, reports on its standard output.

It has connections to the stores of its own and waits for whom it calls: nothing of that is done
where calls are answered. SIGTERM lets attempts under way end. It ends when the server does.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from rpc.log_lines import Mask, log_to
from rpc.processes import die_with_parent
from rpc.secret_files import Secret
from rpc.webhooks.deliverer import Deliverer
from rpc.webhooks.destinations import Guard
from rpc.webhooks.sending import Sender
from rpc.webhooks.settings import WebhookSettings
from store import open_repository
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

_T = TypeVar("_T")

_BUSY_SECONDS: Final = 0.5
"""How long it waits for a booking before it looks after something else."""
_REPORT_SECONDS: Final = 1.0
_FINISH_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 5.0
"""Before a store that failed is asked again."""

_log = logging.getLogger("tieout.webhooks")


def main() -> None:
    """Deliver until told to stop."""
    die_with_parent()
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=WebhookSettings)
    log_to(sys.stderr, settings.log_level, Mask(Secret(settings.mask_key)))
    asyncio.run(_deliver(settings))


async def _deliver(settings: WebhookSettings) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    guard = Guard(settings.allowed_networks, settings.allow_http)
    sender = Sender(guard, ca_file=settings.ca_file)
    with ThreadPoolExecutor(1, thread_name_prefix="webhooks") as thread:

        async def ask(question: Callable[[], _T]) -> _T:
            return await asyncio.get_running_loop().run_in_executor(thread, question)

        tasks = []
        for tenant in settings.tenants:
            repository = await ask(
                lambda of=tenant: open_repository(  # type: ignore[misc]  # mypy cannot infer it
                    settings.store_url,
                    tenant=of,
                    busy_seconds=_BUSY_SECONDS,
                    encryption_key_file=settings.encryption_key_file,
                )
            )
            deliverer = Deliverer(
                tenant, repository, sender, now_ms=_now_ms, chance=random.random, ask=ask
            )
            tasks.append(asyncio.create_task(_look_after(tenant, deliverer, stop)))
        os.write(1, b"ready\n")
        await asyncio.gather(*tasks)
    _log.info("drained")


async def _look_after(tenant: str, deliverer: Deliverer, stop: asyncio.Event) -> None:
    reported = 0.0
    while not stop.is_set():
        try:
            await deliverer.look()
            if time.monotonic() - reported > _REPORT_SECONDS:
                os.write(1, msgspec.json.encode(await deliverer.report()) + b"\n")
                reported = time.monotonic()
            await deliverer.wait()
        except StoreError as error:
            _log.warning("tenant %s: webhooks wait for the store: %s", tenant, error)
            await asyncio.sleep(_PAUSE_SECONDS)
    await deliverer.finish(_FINISH_SECONDS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    main()
