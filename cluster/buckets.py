"""Which families are matched together, and in which bucket.

Families that some payment ties together are one group: found on the driver, for only payments that
reach several families tie any, one in two thousand. Small groups share buckets of about equal
weight; a group that is heavier than a bucket has one of its own. Nothing here depends on how many
machines there are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import scipy.sparse
import scipy.sparse.csgraph

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Buckets", "Ties"]

NO_BUCKET = -1


class Ties(msgspec.Struct, frozen=True, kw_only=True):
    """What must be matched together: families `one` and `two`, pair by pair; payments that reached
    no family when they were read and one after all (`found`, ascending, its family `found_family`);
    returns and their originals, by payment number, with the first family each reaches (-1 none).
    """

    one: NDArray[np.int64]
    two: NDArray[np.int64]
    found: NDArray[np.int64]
    found_family: NDArray[np.int64]
    returned: NDArray[np.int64]
    original: NDArray[np.int64]
    returned_family: NDArray[np.int64]
    original_family: NDArray[np.int64]

    def with_late(
        self, payment: NDArray[np.int64], family: NDArray[np.int64], own: NDArray[np.int64]
    ) -> Ties:
        """These, and payments that reach a `family` after all, sorted by both; `own` is the first
        family each reaches anyway, -1 where there is none: then the first late one is its own.
        """
        head = np.searchsorted(payment, payment, side="left")
        fresh = (own < 0) & (head == np.arange(len(head)))
        found = np.concatenate([self.found, payment[fresh]])
        order = np.argsort(found, kind="stable")
        return msgspec.structs.replace(
            self,
            one=np.concatenate([self.one, np.where(own < 0, family[head], own)]),
            two=np.concatenate([self.two, family]),
            found=found[order],
            found_family=np.concatenate([self.found_family, family[fresh]])[order],
        )


class Buckets(msgspec.Struct, frozen=True, kw_only=True):
    """of_family: bucket of each family, -1 where no payment reaches it; alone: buckets of payments
    that reach no family follow from `first_alone` on, so many of them; placed: payments that must
    stand beside another one, sorted, and their buckets; count: how many buckets there are; giants:
    those of one group each, numbered first.
    """

    of_family: NDArray[np.int64]
    first_alone: int
    alone: int
    placed: NDArray[np.int64]
    placed_bucket: NDArray[np.int64]
    count: int
    giants: tuple[int, ...]

    @classmethod
    def of(
        cls,
        items: NDArray[np.int64],
        payments: NDArray[np.int64],
        homeless: int,
        ties: Ties,
        items_max: int,
        payments_max: int,
    ) -> Buckets:
        """Buckets of about the work that `items_max` items and `payments_max` payments together
        make, half of it each; `items` and `payments` are those of each family, `homeless` the
        payments that reach none. No bucket of several groups has more than twice as much to do as
        another, but for the one that takes what is left.
        """
        group = _groups(len(items), ties)
        payments = payments + np.bincount(ties.found_family, minlength=len(items))
        weight = (items / items_max + payments / payments_max) / 2
        touched = np.bincount(group, weights=payments, minlength=len(items)) > 0
        # Ties to families without payments of their own bring those families along.
        heavy = np.bincount(group, weights=weight, minlength=len(items))
        groups = np.flatnonzero(touched)
        giant = heavy[groups] >= 1.0
        small, large = groups[~giant], groups[giant]
        begins = np.cumsum(heavy[small]) - heavy[small]
        # As many buckets as are needed, all of about the same weight.
        total = heavy[small].sum()
        shared = np.floor(begins / max(total, 1.0) * np.ceil(total)).astype(np.int64)
        number = np.cumsum(np.diff(shared, prepend=-1) > 0) - 1
        of_group = np.full(len(items), NO_BUCKET, dtype=np.int64)
        # Giants have the most to do, and tasks begin in the order of their numbers.
        of_group[large] = np.arange(len(large))
        of_group[small] = len(large) + number
        first_alone = len(large) + int(number.max(initial=-1)) + 1
        alone = -(-homeless // payments_max)
        placed, bucket = _placed(ties, of_group[group], first_alone, max(alone, 1))
        alone = max(alone, 1) if homeless else 0
        return cls(
            of_family=of_group[group],
            first_alone=first_alone,
            alone=alone,
            placed=placed,
            placed_bucket=bucket,
            count=first_alone + alone,
            giants=tuple(range(len(large))),
        )

    def of_payments(
        self, number: NDArray[np.int64], family: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Bucket of payments by number and the first family each reaches (-1 none)."""
        alone = self.first_alone + number % max(self.alone, 1)
        bucket = np.where(family < 0, alone, self.of_family[family])
        if not len(self.placed):
            return bucket
        at = np.minimum(np.searchsorted(self.placed, number), len(self.placed) - 1)
        return np.where(self.placed[at] == number, self.placed_bucket[at], bucket)


def _groups(families: int, ties: Ties) -> NDArray[np.int64]:
    """The group of each family: the least family it is tied to, by however many steps."""
    both = (ties.returned_family >= 0) & (ties.original_family >= 0)
    one = np.concatenate([ties.one, ties.returned_family[both]])
    two = np.concatenate([ties.two, ties.original_family[both]])
    graph = scipy.sparse.coo_matrix(
        (np.ones(len(one), dtype=np.int8), (one, two)), shape=(families, families)
    )
    count, label = scipy.sparse.csgraph.connected_components(graph, directed=False)
    least = np.full(count, families, dtype=np.int64)
    np.minimum.at(least, label, np.arange(families))
    group: NDArray[np.int64] = least[label]
    return group


def _placed(
    ties: Ties, of_family: NDArray[np.int64], first_alone: int, alone: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns, and originals without a family, in the bucket of the one that has one; where neither
    has, in that of the original.
    """
    by_original = np.where(
        ties.original_family >= 0,
        of_family[ties.original_family],
        np.where(
            ties.returned_family >= 0,
            of_family[ties.returned_family],
            first_alone + ties.original % alone,
        ),
    )
    # Several returns may name one original: all of them stand where the first one puts it.
    order = np.lexsort((ties.returned, ties.original))
    original, bucket = ties.original[order], by_original[order]
    first = np.searchsorted(original, original, side="left")
    bucket = bucket[first]
    number = np.concatenate([ties.returned[order], original, ties.found])
    where = np.concatenate([bucket, bucket, of_family[ties.found_family]])
    rows = np.argsort(number, kind="stable")
    return number[rows], where[rows]
