"""Ed25519 keys of the audit chain: the server signs blocks, anybody with the public key checks."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from store.errors import KeyFileError
from store.secret_files import read_secret, write_secret

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AuditSigner", "AuditVerifier", "create_audit_key", "read_signer", "read_verifier"]

_KEY_ID_LENGTH: Final = 16
_CONTEXT: Final = b"tieout audit block\x00"
"""In front of what is signed, so that a signature is good for nothing else."""


class AuditSigner(msgspec.Struct, frozen=True):
    """Signs block hashes. Its `repr` shows the key's id, never the key."""

    key: Ed25519PrivateKey

    @property
    def key_id(self) -> str:
        """Name of the key: the beginning of its public part's hash."""
        return _key_id(self.key.public_key())

    def sign(self, block_hash: str) -> str:
        """Signature of a block hash, in hex."""
        return self.key.sign(_CONTEXT + block_hash.encode("ascii")).hex()

    def __repr__(self) -> str:
        """The id alone."""
        return f"AuditSigner({self.key_id})"


class AuditVerifier(msgspec.Struct, frozen=True):
    """Checks signatures made by one key."""

    key: Ed25519PublicKey

    @property
    def key_id(self) -> str:
        """Name of the key."""
        return _key_id(self.key)

    def is_signed(self, block_hash: str, signature: str) -> bool:
        """Whether `signature` is this key's, over `block_hash`."""
        try:
            self.key.verify(bytes.fromhex(signature), _CONTEXT + block_hash.encode("ascii"))
        except (InvalidSignature, ValueError):
            return False
        return True


def create_audit_key(private_path: Path, public_path: Path) -> AuditSigner:
    """Make a key pair: the private file readable by its owner alone; neither may exist yet."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    write_secret(private_path, private)
    with public_path.open("xb") as file:
        file.write(public)
    return AuditSigner(key)


def read_signer(path: Path) -> AuditSigner:
    """The private key at `path` (PEM, Ed25519); raises `KeyFileError`."""
    text = read_secret(path)
    try:
        key = serialization.load_pem_private_key(text, None)
    except (ValueError, TypeError) as error:
        message = f"{path}: no unencrypted private key in PEM"
        raise KeyFileError(message, path=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        message = f"{path}: the key is no Ed25519 key; make one with `tieout audit new-key`"
        raise KeyFileError(message, path=str(path))
    return AuditSigner(key)


def read_verifier(path: Path) -> AuditVerifier:
    """The public key at `path` (PEM, Ed25519); raises `KeyFileError`."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except ValueError as error:
        message = f"{path}: no public key in PEM"
        raise KeyFileError(message, path=str(path)) from error
    if not isinstance(key, Ed25519PublicKey):
        message = f"{path}: the key is no Ed25519 key"
        raise KeyFileError(message, path=str(path))
    return AuditVerifier(key)


def _key_id(key: Ed25519PublicKey) -> str:
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:_KEY_ID_LENGTH]
