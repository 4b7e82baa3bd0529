"""Topic data keys: one key per customer and year, per bank file, per payment of nobody known.

Data keys seal what is kept, master keys wrap data keys. To erase a customer is to destroy his data
keys: every copy of what they sealed is unreadable from then on, and no row has to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from store.errors import KeyMissingError
from store.key_ring import new_data_key
from store.key_scopes import (
    SEPARATOR,
    month_of,
    payment_scope,
    subject_of,
    subject_of_owner,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from store.database import Database
    from store.key_ring import KeyRing
    from store.key_scopes import KeyScope

__all__ = ["DataKeyStore"]

_PER_QUERY: Final = 400

_FIND: Final = """
SELECT subject, key_number FROM data_key
WHERE scope = ? AND period = ? AND wrapped IS NOT NULL AND subject IN ({})
"""
_OPEN: Final = """
SELECT key_number, scope, subject, period, master_key, wrapped FROM data_key
WHERE wrapped IS NOT NULL AND key_number IN ({})
"""
_OF_CUSTOMER: Final = """
SELECT key_number FROM data_key WHERE wrapped IS NOT NULL AND (
    (scope = 'customer' AND subject = ?)
    OR key_number IN (SELECT key_number FROM data_key_customer WHERE subject = ?))
ORDER BY key_number
"""
_OF_PERIODS: Final = """
SELECT key_number FROM data_key
WHERE scope = 'customer' AND period < ? AND period <> '' AND wrapped IS NOT NULL
ORDER BY key_number
"""
_OF_MONTHS: Final = """
SELECT key_number FROM data_key
WHERE scope = 'file' AND (subject = ? OR (subject > ? AND subject < ?))
    AND period < ? AND period <> '' AND wrapped IS NOT NULL
ORDER BY key_number
"""
_BIND: Final = """
INSERT INTO data_key_customer (key_number, subject) VALUES (?, ?) ON CONFLICT DO NOTHING
"""
_SHARED_BY: Final = """
SELECT k.key_number FROM data_key_customer c JOIN data_key k ON k.key_number = c.key_number
WHERE c.subject = ? AND k.wrapped IS NOT NULL
"""
_OF_PAYMENTS: Final = """
SELECT key_number FROM data_key
WHERE scope = 'payment' AND created_at_ms < ? AND wrapped IS NOT NULL ORDER BY key_number
"""
_OF_GONE: Final = """
SELECT k.key_number FROM data_key k
WHERE k.scope = 'customer' AND k.period = '' AND k.wrapped IS NOT NULL AND k.created_at_ms < ?
    AND k.subject IN (SELECT c.company_id || ? || c.customer_id FROM customer c WHERE c.is_deleted)
ORDER BY k.key_number
"""


class DataKeyStore:
    """Data keys of one tenant. Without a key ring nothing is sealed, and nothing can be opened."""

    def __init__(self, database: Database, ring: KeyRing | None) -> None:
        """Keep them in `database`, wrapped by `ring`."""
        self._database = database
        self._ring = ring

    @property
    def is_sealing(self) -> bool:
        """Whether what is kept from now on is sealed."""
        return self._ring is not None

    def open_keys(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """The keys of these numbers; those that were destroyed are not there.

        Nothing is remembered between calls: another process may destroy a key at any time. Raises
        `KeyMissingError` where the key ring does not open one.
        """
        wanted = list(dict.fromkeys(numbers))
        keys = {}
        for start in range(0, len(wanted), _PER_QUERY):
            part = wanted[start : start + _PER_QUERY]
            rows = self._database.rows(_OPEN.format(", ".join("?" * len(part))), *part)
            for number, scope, subject, period, master_key, wrapped in rows:
                purpose = _purpose(scope, subject, period)
                ring = self._required_ring()
                keys[number] = ring.unwrap(master_key, bytes(wrapped), purpose)
        return keys

    def numbers(self, scopes: Iterable[KeyScope], now_ms: int) -> dict[KeyScope, int]:
        """The key of each scope, made where there is none; 0 where nothing is sealed.

        Called in a write block.
        """
        wanted = list(dict.fromkeys(scopes))
        if self._ring is None:
            return dict.fromkeys(wanted, 0)
        found = self._found(wanted)
        missing = [one for one in wanted if one not in found]
        if missing:
            self._make(missing, now_ms)
            found |= self._found(missing)
        return found

    def number(self, scope: KeyScope, now_ms: int) -> int:
        """The key of one scope; see `numbers`."""
        return self.numbers([scope], now_ms)[scope]

    def adopt(self, scope: KeyScope, key: bytes, now_ms: int) -> None:
        """Keep a key that was made before there was a row of it; called in a write block."""
        ring = self._required_ring()
        self._insert([(scope, key)], ring, now_ms)

    def key_of(self, scope: KeyScope) -> bytes | None:
        """The key of a scope; None where there is none, or not any more."""
        number = self._found([scope]).get(scope)
        return None if number is None else self.open_keys([number]).get(number)

    def attribute(self, payment_id: str, company_id: str, customer_id: str) -> None:
        """A payment kept under a key of its own turned out to be this customer's.

        From now on that key, and those it shares, are destroyed with the customer's. Called in a
        write block.
        """
        own = payment_scope(payment_id)
        numbers = list(self._found([own]).values())
        numbers += [row[0] for row in self._database.rows(_SHARED_BY, subject_of_owner(own))]
        for number in numbers:
            self._database.rows(_BIND, number, subject_of(company_id, customer_id))

    def shared(self, scope: KeyScope, owners: Iterable[KeyScope], now_ms: int) -> int:
        """The key of `scope`, to be destroyed with the keys of any of `owners`: customers and
        payments. 0 where nothing is sealed. Called in a write block.
        """
        number = self.number(scope, now_ms)
        subjects = sorted({subject_of_owner(one) for one in owners})
        if number:
            self._database.execute_many(_BIND, [(number, one) for one in subjects])
        return number

    def destroy_customer(self, company_id: str, customer_id: str, now_ms: int) -> list[int]:
        """Destroy every key of a customer and give their numbers; called in a write block."""
        subject = subject_of(company_id, customer_id)
        return self._destroy_found(now_ms, _OF_CUSTOMER, subject, subject)

    def destroy_scope(self, scopes: Sequence[KeyScope], now_ms: int) -> list[int]:
        """Destroy the keys of `scopes` and give their numbers; called in a write block."""
        numbers = sorted(self._found(scopes).values())
        self._destroy(numbers, now_ms)
        return numbers

    def destroy_periods_before(self, period: str, now_ms: int) -> list[int]:
        """Destroy customers' keys of years before `period`; called in a write block.

        Keys of no year stay: what they seal is wanted for as long as the customer is one.
        """
        return self._destroy_found(now_ms, _OF_PERIODS, period)

    def destroy_months_before(self, subject: str, before_ms: int, now_ms: int) -> list[int]:
        """Destroy keys by the month of months that had ended, those of single things as well.

        Called in a write block.
        """
        # "answers" itself, and what begins with "answers ".
        names = (subject, f"{subject} ", f"{subject}!")
        return self._destroy_found(now_ms, _OF_MONTHS, *names, month_of(before_ms))

    def destroy_of_gone_customers(self, created_before_ms: int, now_ms: int) -> list[int]:
        """Destroy lasting keys of customers who are gone and were first kept before that.

        Called in a write block.
        """
        return self._destroy_found(now_ms, _OF_GONE, created_before_ms, SEPARATOR)

    def destroy_payments_before(self, created_before_ms: int, now_ms: int) -> list[int]:
        """Destroy keys of payments of nobody known that are older; called in a write block."""
        return self._destroy_found(now_ms, _OF_PAYMENTS, created_before_ms)

    def rotate(self) -> int:
        """Wrap every data key by the master key in force; gives how many were not yet.

        Called in a write block. Afterwards older master keys may leave the key file.
        """
        ring = self._required_ring()
        rows = self._database.rows(
            "SELECT key_number, scope, subject, period, master_key, wrapped FROM data_key "
            "WHERE wrapped IS NOT NULL AND master_key <> ?",
            ring.current.name,
        )
        changes = []
        for number, scope, subject, period, master_key, wrapped in rows:
            purpose = _purpose(scope, subject, period)
            key = ring.unwrap(master_key, bytes(wrapped), purpose)
            changes.append((*ring.wrap(key, purpose), number))
        self._database.execute_many(
            "UPDATE data_key SET master_key = ?, wrapped = ? WHERE key_number = ?", changes
        )
        return len(changes)

    @property
    def master_key(self) -> str:
        """Name of the master key in force; raises `KeyMissingError` where there is none."""
        return self._required_ring().current.name

    def seal_secret(self, secret: bytes, purpose: str) -> tuple[str, bytes]:
        """A secret of ours, sealed: the master key's name and what to keep.

        Raises `KeyMissingError` where no key file is configured: secrets are never kept plainly.
        """
        if self._ring is None:
            message = (
                "secrets are kept sealed and no key file is configured; set "
                "store.encryption_key_file (`tieout store new-key FILE` makes one)"
            )
            raise KeyMissingError(message)
        return self._ring.wrap(secret, purpose)

    def open_secret(self, master_key: str, wrapped: bytes, purpose: str) -> bytes:
        """The secret again; raises `KeyMissingError`."""
        return self._required_ring().unwrap(master_key, wrapped, purpose)

    def check(self) -> None:
        """See that the key ring opens what is sealed here; raises `KeyMissingError`."""
        rows = self._database.rows(
            "SELECT min(key_number) FROM data_key WHERE wrapped IS NOT NULL GROUP BY master_key"
        )
        self.open_keys(row[0] for row in rows)

    def _required_ring(self) -> KeyRing:
        if self._ring is None:
            message = (
                "the store holds sealed data and no key file is configured; set it "
                "(--encryption-key-file, TIEOUT_ENCRYPTION_KEY_FILE)"
            )
            raise KeyMissingError(message)
        return self._ring

    def _found(self, scopes: Sequence[KeyScope]) -> dict[KeyScope, int]:
        grouped: dict[tuple[str, str], list[KeyScope]] = {}
        for one in scopes:
            grouped.setdefault((one.scope, one.period), []).append(one)
        found: dict[KeyScope, int] = {}
        for (scope, period), members in grouped.items():
            named = {one.subject: one for one in members}
            subjects = list(named)
            for start in range(0, len(subjects), _PER_QUERY):
                part = subjects[start : start + _PER_QUERY]
                query = _FIND.format(", ".join("?" * len(part)))
                for subject, number in self._database.rows(query, scope, period, *part):
                    found[named[subject]] = number
        return found

    def _make(self, scopes: Sequence[KeyScope], now_ms: int) -> None:
        made = [(one, new_data_key()) for one in scopes]
        self._insert(made, self._required_ring(), now_ms)

    def _insert(self, made: Sequence[tuple[KeyScope, bytes]], ring: KeyRing, now_ms: int) -> None:
        self._database.execute_many(
            "INSERT INTO data_key (scope, subject, period, master_key, wrapped, created_at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    one.scope,
                    one.subject,
                    one.period,
                    *ring.wrap(key, _purpose(one.scope, one.subject, one.period)),
                    now_ms,
                )
                for one, key in made
            ],
        )

    def _destroy_found(self, now_ms: int, question: str, *values: Any) -> list[int]:
        numbers = [row[0] for row in self._database.rows(question, *values)]
        self._destroy(numbers, now_ms)
        return numbers

    def _destroy(self, numbers: Sequence[int], now_ms: int) -> None:
        self._database.execute_many(
            "UPDATE data_key SET wrapped = NULL, destroyed_at_ms = ? WHERE key_number = ?",
            [(now_ms, number) for number in numbers],
        )


def _purpose(scope: str, subject: str, period: str) -> str:
    return f"tieout data key {scope}/{subject}/{period}"
