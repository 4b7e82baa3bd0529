"""Short questions to the store, answered on one thread of the server beside its event loop."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.bank_file_records import ExceptionFilter, ExceptionPage, FileReceipt
    from store.repository import Repository

__all__ = ["StoreReader"]

_T = TypeVar("_T")


class StoreReader:
    """Asks `Repository` without stopping the event loop; one question at a time."""

    def __init__(self, repository: Repository) -> None:
        """Ask `repository`, which is closed by `close`."""
        self._repository = repository
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-reader")

    async def find_file(self, file_id: str) -> FileReceipt | None:
        """The receipt of that content, if it was kept."""
        return await self._ask(lambda: self._repository.bank_files.find_file(file_id))

    async def find_request(self, request_id: str) -> str | None:
        """The file that `request_id` is bound to."""
        return await self._ask(lambda: self._repository.bank_files.find_request(request_id))

    async def list_exceptions(
        self, exception_filter: ExceptionFilter, after_number: int, limit: int
    ) -> ExceptionPage:
        """One page of exceptions."""
        return await self._ask(
            lambda: self._repository.bank_files.list_exceptions(
                exception_filter, after_number, limit
            )
        )

    async def _ask(self, question: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, question)

    def close(self) -> None:
        """Finish what was asked and close the store."""
        self._thread.shutdown()
        self._repository.close()
