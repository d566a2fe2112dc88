"""Ed25519 and X25519 keys in files: PKCS #8 and SubjectPublicKeyInfo in PEM (RFC 8410).

Ed25519 keys sign (RFC 8032); X25519 keys encrypt (`sync.log.hpke`).

A private key file belongs to the account that uses it (or to root) and is readable by
no one else. A key made for a demonstration carries a mark in the text before its PEM
block (RFC 7468 section 2 allows such text) and is refused unless the caller accepts it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from sync.log.durable_file import write_new
from sync.log.errors import KeyRefused
from sync.log.hpke import OpeningKey, SealingKey
from sync.log.secret_file import read_public, read_secret

DEMO_MARK = b"egate demo key: never for production\n"
SEED_BYTES = 32
MAX_KEY_FILE_BYTES = 4096


class VerifyingKey:
    """The public half: checks signatures. Equal keys compare and hash equal."""

    def __init__(self, raw: bytes) -> None:
        """Take the 32 bytes of RFC 8032.

        Raises:
            KeyRefused: they are no Ed25519 public key.
        """
        try:
            self._key = Ed25519PublicKey.from_public_bytes(raw)
        except ValueError as error:
            raise KeyRefused("bytes are no Ed25519 public key") from error
        self.raw = bytes(raw)

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` over `data` was made with the private half."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyingKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)


class SigningKey:
    """The private half: signs. Shows nothing of itself."""

    def __init__(self, seed: bytes) -> None:
        """Take the 32 secret bytes of RFC 8032, from the caller's source of randomness.

        Raises:
            KeyRefused: the seed is not 32 bytes long.
        """
        if len(seed) != SEED_BYTES:
            raise KeyRefused(f"an Ed25519 seed has {SEED_BYTES} bytes, not {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = VerifyingKey(self._key.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> SigningKey:
        """Make a key from a source of randomness."""
        return cls(random(SEED_BYTES))

    def sign(self, data: bytes) -> bytes:
        """Give the 64 bytes of the signature over `data`."""
        return self._key.sign(data)

    def pem(self) -> bytes:
        """Give the PKCS #8 PEM block."""
        return _private_pem(self._key)


class CentrePublic(NamedTuple):
    """The central system's public keys, as every gate has them."""

    verifying: VerifyingKey
    sealing: SealingKey


class CentreKeys(NamedTuple):
    """The central system's keys: one signs receipts, one opens what gates encrypt for it."""

    signing: SigningKey
    opening: OpeningKey

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> CentreKeys:
        """Make both from a source of randomness."""
        return cls(SigningKey.generate(random), OpeningKey.generate(random))

    @property
    def public(self) -> CentrePublic:
        """What gates need of them."""
        return CentrePublic(self.signing.public, self.opening.public)


def write_centre_keys(folder: Path, keys: CentreKeys, *, demo: bool = False) -> None:
    """Write `centre.key` and `centre.seal.key` into a folder.

    Raises:
        KeyRefused: one exists already or cannot be written.
    """
    write_signing_key(folder / "centre.key", keys.signing, demo=demo)
    mark = DEMO_MARK if demo else b""
    _write_new(folder / "centre.seal.key", mark + _private_pem(keys.opening.private), 0o400)


def read_centre_keys(folder: Path, *, accept_demo: bool = False) -> CentreKeys:
    """Read `centre.key` and `centre.seal.key` from a folder.

    Raises:
        KeyRefused: see `read_signing_key`.
    """
    signing = read_signing_key(folder / "centre.key", accept_demo=accept_demo)
    key = _private_key(folder / "centre.seal.key", accept_demo=accept_demo)
    if not isinstance(key, X25519PrivateKey):
        raise KeyRefused("centre.seal.key is not an X25519 key")
    return CentreKeys(signing, OpeningKey(key.private_bytes_raw()))


def write_centre_public(folder: Path, keys: CentrePublic) -> None:
    """Write `centre.pub` and `centre.seal.pub` into a folder, as far as they are not there.

    Raises:
        KeyRefused: one cannot be written, or is there and of another central system.
    """
    sealing = X25519PublicKey.from_public_bytes(keys.sealing.raw)
    if not (folder / "centre.pub").exists():
        write_public_key(folder / "centre.pub", keys.verifying)
    if not (folder / "centre.seal.pub").exists():
        _write_new(folder / "centre.seal.pub", _public_pem(sealing), 0o444)
    if read_centre_public(folder) != keys:
        raise KeyRefused("centre.pub or centre.seal.pub is another central system's: move it away")


def read_centre_public(folder: Path) -> CentrePublic:
    """Read `centre.pub` and `centre.seal.pub` from a folder.

    Raises:
        KeyRefused: one is missing, malformed, or of another kind.
    """
    verifying = read_public_key(folder / "centre.pub")
    key = _public_key(folder / "centre.seal.pub")
    if not isinstance(key, X25519PublicKey):
        raise KeyRefused("centre.seal.pub is not an X25519 key")
    return CentrePublic(verifying, SealingKey(key.public_bytes_raw()))


def write_signing_key(path: Path, key: SigningKey, *, demo: bool = False) -> None:
    """Write a private key to a new file that only its owner can read.

    Raises:
        KeyRefused: the file exists already or cannot be written.
    """
    _write_new(path, (DEMO_MARK if demo else b"") + key.pem(), 0o400)


def read_signing_key(path: Path, *, accept_demo: bool = False) -> SigningKey:
    """Read a private key.

    Raises:
        KeyRefused: missing, malformed, not Ed25519, others could read it, it belongs to
            another account, or it is marked as a demo key and `accept_demo` is false.
    """
    key = _private_key(path, accept_demo=accept_demo)
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyRefused(f"{path.name} is not an Ed25519 key")
    return SigningKey(key.private_bytes_raw())


def write_public_key(path: Path, key: VerifyingKey) -> None:
    """Write a public key to a new file that all users can read.

    Raises:
        KeyRefused: the file exists already or cannot be written.
    """
    _write_new(path, _public_pem(Ed25519PublicKey.from_public_bytes(key.raw)), 0o444)


def read_public_key(path: Path) -> VerifyingKey:
    """Read a public key.

    Raises:
        KeyRefused: missing, malformed, or not Ed25519.
    """
    key = _public_key(path)
    if not isinstance(key, Ed25519PublicKey):
        raise KeyRefused(f"{path.name} is not an Ed25519 key")
    return VerifyingKey(key.public_bytes_raw())


def _private_pem(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    """Give PKCS #8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public_pem(key: Ed25519PublicKey | X25519PublicKey) -> bytes:
    """Give SubjectPublicKeyInfo in PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _private_key(path: Path, *, accept_demo: bool) -> object:
    """Read a private key of any kind from a file that only its owner can read."""
    data = read_secret(path, MAX_KEY_FILE_BYTES)
    if data.startswith(DEMO_MARK) and not accept_demo:
        raise KeyRefused(f"{path.name} is marked as a demo key")
    try:
        return serialization.load_pem_private_key(data, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyRefused(f"{path.name} holds no private key") from error


def _public_key(path: Path) -> object:
    """Read a public key of any kind."""
    try:
        return serialization.load_pem_public_key(read_public(path, MAX_KEY_FILE_BYTES))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyRefused(f"{path.name} holds no public key") from error


def _write_new(path: Path, data: bytes, mode: int) -> None:
    """Make a durable file, never replace one."""
    try:
        write_new(path, data, mode)
    except OSError as error:
        raise KeyRefused(f"{path.name} cannot be written: {error.strerror}") from error
