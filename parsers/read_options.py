"""What a reader may be told beside the bytes, the same for every format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from engine.batches import BankAccountBatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from parsers.lockbox_layouts import LockboxLayout

__all__ = ["OrderedMap", "ReadOptions"]


class OrderedMap(Protocol):
    """Applies a pure function to each value, results in order: `map`, or one over several cores."""

    def __call__(self, function: Callable[[Any], Any], values: Iterable[Any], /) -> Iterator[Any]:
        """The results, in the order of `values`."""
        ...


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`bank_accounts` gives currency and layout of our accounts where a file does not.

    `lockbox_layouts` are a user's own layouts of lockbox files, tried before those that ship.
    `camt_schemas` are XSDs by version (`camt.053.001.08`) to compare messages with.
    `map_ordered` runs what a reader does window by window; it changes the speed, never the result.
    """

    bank_accounts: BankAccountBatch = msgspec.field(default_factory=BankAccountBatch.empty)
    lockbox_layouts: tuple[LockboxLayout, ...] = ()
    camt_schemas: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    map_ordered: OrderedMap = map

    def currencies(self) -> dict[str, str]:
        """Our account → its currency, where it has only one."""
        found: dict[str, str] = {}
        several: set[str] = set()
        for account, currency in zip(
            self.bank_accounts.strings("bank_account"),
            self.bank_accounts.strings("currency"),
            strict=True,
        ):
            if found.setdefault(account, currency) != currency:
                several.add(account)
        return {account: code for account, code in found.items() if code and account not in several}
