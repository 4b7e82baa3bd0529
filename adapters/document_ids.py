"""Ids of documents: the same payment, part and ledger always give the same id.

A document that is sent again is recognised by its id, by the ERP or by who sends it, so that no
cash is posted twice. The run is not part of an id: matching the same payments again, in another
run, must not post them again.
"""

from __future__ import annotations

import base64
import hashlib

__all__ = ["document_id", "short_id"]


def document_id(*parts: str) -> str:
    """A UUID of version 8 (RFC 9562): the first bits of SHA-256 over `parts`, each with its length.

    Version 8 is the one for ids made by a rule of one's own.
    """
    text = "".join(f"{len(part)}:{part}" for part in parts)
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    shown = digest.hex()
    return f"{shown[:8]}-{shown[8:12]}-{shown[12:16]}-{shown[16:20]}-{shown[20:]}"


def short_id(identity: str, length: int) -> str:
    """`identity` in `length` letters and digits, for fields too small for a UUID.

    Of five bits each: 15 letters hold 75 bits, so that among a hundred million documents two share
    a name with a probability of 1 in 7 million.
    """
    digest = hashlib.sha256(identity.encode()).digest()
    return base64.b32encode(digest).decode()[:length]
