"""Enrolment of a gate by a token that works once: what the gate says, and what it checks.

The central system signs a token for a gate's name until a time; a person carries it to the
gate, where it is as secret as a password. It holds the central system's public keys, so
that the gate needs nothing else. The gate makes its own key, which never leaves it, and
asks: the request is encrypted for the central system and signed with the new key.
The answer is a signed note (C2SP) of the gate's name and key.

    token    "egate-token-1." and base64url of the canonical encoding of `Token`
    request  HPKE for the central system of the canonical encoding of `Request`
    answer   a note of three lines: egate/enrolment, the gate's name, its key in hex
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable

import msgspec

from sync.log.errors import EnrolmentRefused, KeyRefused, NoteRefused
from sync.log.hpke import SealingKey
from sync.log.keys import CentreKeys, CentrePublic, SigningKey, VerifyingKey
from sync.log.notes import CENTRE_NAME, open_note, sign_text

PREFIX = "egate-token-1."
ORIGIN = "egate/enrolment"
NONCE_BYTES = 16
MAX_TOKEN_CHARACTERS = 1024
MAX_REQUEST_BYTES = 4096
INFO = b"egate enrolment 1\n"
_TOKEN_CONTEXT = b"egate token 1\n"
_PROOF_CONTEXT = b"egate enrolment proof 1\n"
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

_encoder = msgspec.msgpack.Encoder(order="sorted")


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Leave to enrol one gate once. `expires_utc` is RFC 3339 with milliseconds and Z."""

    gate: str
    expires_utc: str
    nonce: bytes
    verifying: bytes
    sealing: bytes
    signature: bytes = b""

    @property
    def centre(self) -> CentrePublic:
        """The central system's public keys."""
        return CentrePublic(VerifyingKey(self.verifying), SealingKey(self.sealing))

    @property
    def sha256(self) -> bytes:
        """What stands for the token once it was used."""
        return hashlib.sha256(_encoder.encode(self)).digest()


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gate asks: `proof` shows that it has the private half of `public`."""

    token: Token
    public: bytes
    proof: bytes


_tokens = msgspec.msgpack.Decoder(Token)
_requests = msgspec.msgpack.Decoder(Request)


def enrolment_topic(prefix: str, gate: str) -> str:
    """Topic of a gate's request."""
    return f"{prefix}/enrol/{gate}"


def enrolled_topic(prefix: str, gate: str) -> str:
    """Topic of the answer."""
    return f"{prefix}/enrolled/{gate}"


def issue_token(
    keys: CentreKeys, gate: str, expires_utc: str, random: Callable[[int], bytes]
) -> str:
    """Make a token for a gate's name. Nothing is stored: only its use is."""
    bare = Token(
        gate=gate,
        expires_utc=expires_utc,
        nonce=random(NONCE_BYTES),
        verifying=keys.public.verifying.raw,
        sealing=keys.public.sealing.raw,
    )
    signature = keys.signing.sign(_TOKEN_CONTEXT + _encoder.encode(bare))
    data = _encoder.encode(msgspec.structs.replace(bare, signature=signature))
    return PREFIX + base64.urlsafe_b64encode(data).decode().rstrip("=")


def read_token(text: str) -> Token:
    """Read a token and check that it was not changed on its way.

    Raises:
        EnrolmentRefused: it is no token.
    """
    text = text.strip()
    if not text.startswith(PREFIX) or len(text) > MAX_TOKEN_CHARACTERS:
        raise EnrolmentRefused(f"this is no token; one begins with {PREFIX}")
    body = text.removeprefix(PREFIX)
    try:
        data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
        token = _tokens.decode(data)
        if token_is_by(token, VerifyingKey(token.verifying)) and token.centre:
            return token
    except (binascii.Error, ValueError, msgspec.MsgspecError, KeyRefused) as error:
        raise EnrolmentRefused("the token is damaged: copy it again") from error
    raise EnrolmentRefused("the token is damaged: copy it again")


def token_is_by(token: Token, key: VerifyingKey) -> bool:
    """Whether a central system with this key signed the token, in the form we give it."""
    bare = msgspec.structs.replace(token, signature=b"")
    whole = _UTC.fullmatch(token.expires_utc) is not None and len(token.nonce) == NONCE_BYTES
    return whole and key.verify(token.signature, _TOKEN_CONTEXT + _encoder.encode(bare))


def make_request(token: Token, key: SigningKey, random: Callable[[int], bytes]) -> bytes:
    """Ask for enrolment with a key of our own."""
    request = Request(
        token=token, public=key.public.raw, proof=key.sign(_PROOF_CONTEXT + token.sha256)
    )
    return token.centre.sealing.seal(_encoder.encode(request), INFO, random)


def read_request(data: bytes) -> Request:
    """Read a decrypted request and check its proof.

    Raises:
        EnrolmentRefused: it is none, or the proof is not by its key.
    """
    try:
        request = _requests.decode(data)
        proven = VerifyingKey(request.public).verify(
            request.proof, _PROOF_CONTEXT + request.token.sha256
        )
    except (msgspec.MsgspecError, ValueError, KeyRefused) as error:
        raise EnrolmentRefused("bytes are no request for enrolment") from error
    if not proven:
        raise EnrolmentRefused("a request for enrolment is not signed with its own key")
    return request


def make_answer(gate: str, key: VerifyingKey, signer: SigningKey) -> bytes:
    """Say that a gate is enrolled with this key."""
    return sign_text(f"{ORIGIN}\n{gate}\n{key.raw.hex()}\n", CENTRE_NAME, signer).encode()


def check_answer(data: bytes, token: Token, key: VerifyingKey) -> None:
    """Check that the central system of the token enrolled us with our key.

    Raises:
        EnrolmentRefused: it did not say so.
    """
    try:
        text = open_note(data.decode(), (CENTRE_NAME, token.centre.verifying))
    except (UnicodeDecodeError, NoteRefused) as error:
        raise EnrolmentRefused("the answer is not the central system's") from error
    if text != f"{ORIGIN}\n{token.gate}\n{key.raw.hex()}\n":
        raise EnrolmentRefused("the central system enrolled another key: use a new token")
