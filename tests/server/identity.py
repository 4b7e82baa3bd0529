"""Proofs of identity for tests: authorities, certificates, tokens. Made anew, worth nothing."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import json
import time

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rpc.api_keys import KeyRecord, hash_of_key, new_key
from rpc.caller import Role
from rpc.secret_files import Secret

__all__ = [
    "AUDIENCE",
    "ISSUER",
    "NOW",
    "SECRET",
    "Authority",
    "Carrying",
    "Clock",
    "Provider",
    "key_record",
]

NOW = datetime.datetime(2026, 11, 26, tzinfo=datetime.UTC)
SECRET = Secret(b"0123456789abcdef0123456789abcdef")
ISSUER = "https://login.example.com/acme"
AUDIENCE = "tieout"


def pem_of(key):
    """A private key as PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


class Authority:
    """Signs certificates of servers and callers, as files in `folder`."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = self._build(self.name, self.key, basic, [])
        self.path = folder / f"{name}.pem"
        self.path.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def _build(self, subject, key, basic, names):
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(basic, critical=True)
        )
        if names:
            usage = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), critical=False)
        return builder.sign(self.key, hashes.SHA256())

    def issue(self, name, *, uri=""):
        """A certificate and its key for `localhost` or `uri`: paths of two files."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = (
            [x509.UniformResourceIdentifier(uri)]
            if uri
            else [
                x509.DNSName("localhost"),
                x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
            ]
        )
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        basic = x509.BasicConstraints(ca=False, path_length=None)
        certificate = self._build(subject, key, basic, names)
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        paths[1].write_bytes(pem_of(key))
        paths[1].chmod(0o600)
        return paths


class Provider:
    """An identity provider: a key set in a file, tokens on demand."""

    def __init__(self, folder, kid="k1"):
        self.kid = kid
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.path = folder / f"jwks-{kid}.json"
        self.path.write_text(self.key_set())

    def key_set(self, **more):
        """The public key as a key set."""
        entry = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.key.public_key()))
        return json.dumps({"keys": [entry | {"kid": self.kid, "use": "sig"} | more]})

    def token(self, *, key=None, algorithm="ES256", kid="", **claims):
        """A signed token that is good unless `claims` say otherwise; None leaves a claim out."""
        now = int(time.time())
        told = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "m.weber",
            "roles": ["clerk"],
            "exp": now + 600,
            "iat": now,
        } | claims
        content = {name: value for name, value in told.items() if value is not None}
        return jwt.encode(
            content, key or self.key, algorithm=algorithm, headers={"kid": kid or self.kid}
        )


class Carrying:
    """A stub whose calls carry `metadata`."""

    def __init__(self, stub, metadata):
        self._stub = stub
        self._metadata = metadata

    def __getattr__(self, name):
        return functools.partial(getattr(self._stub, name), metadata=self._metadata)


class Clock:
    """A clock that a test turns."""

    def __init__(self):
        self.seconds = NOW.timestamp()

    def __call__(self):
        return self.seconds


def key_record(**fields):
    """A key and what the keys file keeps of it."""
    key, prefix = new_key()
    made = {
        "prefix": prefix,
        "hash": hash_of_key(key, SECRET),
        "name": "erp",
        "roles": (Role.SUBMITTER,),
        "created_at": NOW,
    }
    return key, KeyRecord(**made | fields)
