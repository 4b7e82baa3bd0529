"""Short questions to the store, answered on one thread of the server beside its event loop.

The store asked is always that of the caller's tenant: there is no way to name another.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, TypeVar

from rpc.caller import current_caller

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from store.bank_file_records import ExceptionFilter, ExceptionPage, FileReceipt
    from store.repository import Repository

__all__ = ["StoreReader"]

_T = TypeVar("_T")


class StoreReader:
    """Asks the repository of the caller's tenant without stopping the event loop."""

    def __init__(self, repositories: Mapping[str, Repository]) -> None:
        """Ask `repositories`, one per tenant, closed by `close`."""
        self._repositories = dict(repositories)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-reader")

    async def find_file(self, file_id: str) -> FileReceipt | None:
        """The receipt of that content, if it was kept."""
        return await self.ask(lambda store: store.bank_files.find_file(file_id))

    async def list_exceptions(
        self, exception_filter: ExceptionFilter, after_number: int, limit: int
    ) -> ExceptionPage:
        """One page of exceptions."""
        return await self.ask(
            lambda store: store.bank_files.list_exceptions(exception_filter, after_number, limit)
        )

    async def ask(self, question: Callable[[Repository], _T]) -> _T:
        """The answer of the caller's store; one question at a time, asked as the caller."""
        return await self.ask_tenant(current_caller().tenant, question)

    async def ask_tenant(self, tenant: str, question: Callable[[Repository], _T]) -> _T:
        """The answer of the store of `tenant`: for what must be known before there is a caller."""
        repository = self._repositories[tenant]
        call = copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, call.run, question, repository)

    async def answers(self, tenant: str) -> bool:
        """Whether the store of `tenant` answers a small question; raises where it fails."""
        repository = self._repositories[tenant]
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._thread, repository.bank_files.find_file, "")
        return True

    async def any_tenant(self, question: Callable[[Repository], bool]) -> bool:
        """Whether any tenant's store says yes; asked by the server itself, for no caller."""
        loop = asyncio.get_running_loop()
        for repository in self._repositories.values():
            if await loop.run_in_executor(self._thread, question, repository):
                return True
        return False

    def close(self) -> None:
        """Finish what was asked and close every store."""
        self._thread.shutdown()
        for repository in self._repositories.values():
            repository.close()
