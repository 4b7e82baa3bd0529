"""The chain over audit leaves: blocks of leaves, each with the hash of the block before it.

A block is the root of a tree of leaf hashes (as RFC 6962 builds it), so that one leaf can be proven
without the others. Blocks are signed where there is a key; the last block is the head. Whoever has
a head from elsewhere can tell that nothing before it was changed, added or taken away.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec

from store.audit_leaves import DIGEST_BYTES, canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from store.audit_keys import AuditSigner

__all__ = [
    "FIRST_PREVIOUS",
    "AuditBlock",
    "ProofStep",
    "block_hash",
    "inclusion_proof",
    "merkle_root",
    "proven_root",
    "seal_block",
]

FIRST_PREVIOUS: Final = "0" * (2 * DIGEST_BYTES)
"""What the first block names as the hash before it."""

_NODE_PREFIX: Final = b"\x01"
_BLOCK_PREFIX: Final = b"\x02"


class AuditBlock(msgspec.Struct, frozen=True, kw_only=True):
    """Leaves sealed together: the store's numbers of them in sealed order, and their hashes.

    Numbers need not be without gaps: a transaction that was rolled back leaves one. `leaf_root`
    stands for the hashes, `leaf_hashes` names the one that differs. `key_id` and `signature` (hex)
    are empty where no signing key was configured.
    """

    number: int
    leaf_numbers: tuple[int, ...]
    leaf_hashes: tuple[str, ...]
    leaf_root: str
    previous_hash: str
    sealed_at_ms: int
    key_id: str = ""
    signature: str = ""


class ProofStep(msgspec.Struct, frozen=True):
    """A hash beside the path from a leaf to the root; `is_left`: it stands left of the path."""

    sha256: str
    is_left: bool


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Root of the tree over leaf hashes; of no leaves, the hash of nothing."""
    return _reduce(leaves, lambda _: None)


def inclusion_proof(leaves: Sequence[bytes], place: int) -> tuple[ProofStep, ...]:
    """Hashes that lead from the leaf at `place` to the root, from below."""
    steps: list[ProofStep] = []
    at = place

    def look(level: Sequence[bytes]) -> None:
        nonlocal at
        beside = at ^ 1
        if beside < len(level):
            steps.append(ProofStep(level[beside].hex(), beside < at))
        at //= 2

    _reduce(leaves, look)
    return tuple(steps)


def proven_root(leaf: bytes, proof: Sequence[ProofStep]) -> bytes:
    """The root that `proof` leads to from `leaf`."""
    node = leaf
    for step in proof:
        beside = bytes.fromhex(step.sha256)
        node = _node(beside, node) if step.is_left else _node(node, beside)
    return node


def block_hash(block: AuditBlock) -> str:
    """Hash of a block: what is signed, and what the next block names.

    Signature and leaf hashes are left out; the root stands for the latter.
    """
    bare = msgspec.structs.replace(block, key_id="", signature="", leaf_hashes=())
    return hashlib.sha256(_BLOCK_PREFIX + canonical_json(bare)).hexdigest()


def seal_block(
    previous: AuditBlock | None,
    leaves: Sequence[tuple[int, bytes]],
    sealed_at_ms: int,
    signer: AuditSigner | None,
) -> AuditBlock:
    """The block after `previous` over `leaves` (number and hash), signed where there is a key."""
    block = AuditBlock(
        number=1 if previous is None else previous.number + 1,
        leaf_numbers=tuple(number for number, _ in leaves),
        leaf_hashes=tuple(digest.hex() for _, digest in leaves),
        leaf_root=merkle_root([digest for _, digest in leaves]).hex(),
        previous_hash=FIRST_PREVIOUS if previous is None else block_hash(previous),
        sealed_at_ms=sealed_at_ms,
    )
    if signer is None:
        return block
    signature = signer.sign(block_hash(block))
    return msgspec.structs.replace(block, key_id=signer.key_id, signature=signature)


def _reduce(leaves: Sequence[bytes], look: Callable[[Sequence[bytes]], None]) -> bytes:
    """Pair hashes level by level up to the root; a last one without a partner moves up as it is."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        look(level)
        paired = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
        if len(level) % 2:
            paired.append(level[-1])
        level = paired
    return level[0]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()
