"""PACE from the chip's side, every mapping over every group (ICAO Doc 9303-11, 4.4).

A run is a frozen record that each GENERAL AUTHENTICATE turns into the next; what a chip
remembers between two commands is all in it.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from sim.chip import der
from sim.chip.apdu import Response, Status
from sim.chip.chip_authentication import AgreementKey
from sim.chip.integrated_mapping import field_element, nonce_size
from sim.chip.key_derivation import KEY_SIZES, CipherSuite, encrypt_nonce, new_session, token_mac
from sim.chip.keys import Random
from sim.chip.prime_fields import FIELDS, AnyGroup, group_of
from sim.chip.secure_messaging import SecureSession, pad
from sim.chip.tlv import one_object

PROTOCOL = "0.4.0.127.0.7.2.2.4"
"""id-PACE; mapping with key agreement, and cipher suite, are the next arcs (tables 2 and 3)."""

MRZ = 1
CAN = 2

_NONCE = 0x80
_MAP_IN, _MAP_OUT = 0x81, 0x82
_KEY_IN, _KEY_OUT = 0x83, 0x84
_TOKEN_IN, _TOKEN_OUT = 0x85, 0x86
_CHIP_DATA = 0x8A


class PaceMapping(StrEnum):
    """How the nonce is mapped to a generator (4.4.3.3)."""

    GENERIC = "gm"
    INTEGRATED = "im"
    CHIP = "cam"


_ARCS = {
    (PaceMapping.GENERIC, False): 1,
    (PaceMapping.GENERIC, True): 2,
    (PaceMapping.INTEGRATED, False): 3,
    (PaceMapping.INTEGRATED, True): 4,
    (PaceMapping.CHIP, True): 6,
}
"""Arc by mapping and whether it is over a curve."""


class PaceFault(StrEnum):
    """What a chip does wrong in PACE."""

    NONE = "none"
    WRONG_TOKEN = "wrong_token"  # noqa: S105 - an authentication token, no secret
    WRONG_MAPPING = "wrong_mapping"
    NO_CHIP_DATA = "no_chip_data"
    BAD_CHIP_DATA = "bad_chip_data"


class PaceProfile(NamedTuple):
    """One PACEInfo: cipher suite, standardised domain parameters (0 to 2, 8 to 18), mapping."""

    suite: CipherSuite
    parameter_id: int
    mapping: PaceMapping = PaceMapping.GENERIC

    @property
    def protocol(self) -> str:
        """Object identifier of the protocol with this suite."""
        arc = _ARCS[self.mapping, self.parameter_id not in FIELDS]
        return f"{PROTOCOL}.{arc}.{self.suite.arc}"

    @property
    def info(self) -> bytes:
        """PACEInfo, version 2 (9.2.3)."""
        return der.sequence(der.oid(self.protocol), der.integer(2), der.integer(self.parameter_id))

    @property
    def group(self) -> AnyGroup:
        """The group of its domain parameters."""
        return group_of(self.parameter_id)


def encoded_password(reference: int, access_key_text: str, can: str) -> bytes | None:
    """f(password) of table 14 by its reference (1 MRZ, 2 CAN); None for one not there."""
    if reference == MRZ:
        return hashlib.sha1(access_key_text.encode("ascii"), usedforsecurity=False).digest()
    if reference == CAN and can:
        return can.encode("latin-1")
    return None


@dataclass(frozen=True)
class PaceRun:
    """PACE between two commands.

    Attributes:
        step: 1 to 4 of table 4: what the next GENERAL AUTHENTICATE must bring.
        refuse_at: the step at which this chip breaks off with 6300; 0 for never.
        static: the key that chip authentication mapping proves.
        fault: what this chip does wrong.
        mapping_scalar: the private key of generic mapping.
    """

    profile: PaceProfile
    password: bytes = field(repr=False)
    step: int = 1
    refuse_at: int = 0
    static: AgreementKey | None = None
    fault: PaceFault = PaceFault.NONE
    mapping_scalar: int = field(default=0, repr=False)
    nonce: bytes = field(default=b"", repr=False)
    generator: Any = field(default=None, repr=False)
    own_key: bytes = field(default=b"", repr=False)
    peer_key: bytes = field(default=b"", repr=False)
    session: SecureSession | None = field(default=None, repr=False)


class PaceStep(NamedTuple):
    """What one command leads to: the run goes on, or it ended; a session if it succeeded."""

    run: PaceRun | None
    response: Response
    session: SecureSession | None = None


def _refused(status: int) -> PaceStep:
    return PaceStep(None, Response(status))


def advance(run: PaceRun, data: bytes, *, chained: bool, random: Random) -> PaceStep:
    """Carry out one GENERAL AUTHENTICATE (4.4.4.2).

    `chained` is the class byte's chaining bit: set on every command but the last (4.4.4.3).
    """
    content = one_object(data, 0x7C)
    if content is None or chained != (run.step < len(_STEPS)):
        return _refused(Status.WRONG_DATA)
    if run.step == run.refuse_at:
        return _refused(Status.NO_INFORMATION)
    return _STEPS[run.step - 1](run, content, random)


def _answer(tag: int, value: bytes) -> Response:
    return Response(Status.OK, der.tlv(0x7C, der.tlv(tag, value)))


def _send_nonce(run: PaceRun, content: bytes, random: Random) -> PaceStep:
    if content:
        return _refused(Status.WRONG_DATA)
    integrated = run.profile.mapping is PaceMapping.INTEGRATED
    nonce = random(nonce_size(run.profile.suite) if integrated else 16)
    encrypted = encrypt_nonce(run.profile.suite, run.password, nonce)
    return PaceStep(replace(run, step=2, nonce=nonce), _answer(_NONCE, encrypted))


def _map_nonce(run: PaceRun, content: bytes, random: Random) -> PaceStep:
    if run.profile.mapping is PaceMapping.INTEGRATED:
        return _map_integrated(run, content)
    return _map_generic(run, content, random)


def _map_generic(run: PaceRun, content: bytes, random: Random) -> PaceStep:
    """Generic Mapping: the new generator is s * G + H (4.4.3.3.1)."""
    group: Any = run.profile.group
    peer = group.decode(one_object(content, _MAP_IN) or b"")
    if peer is None:
        return _refused(Status.WRONG_DATA)
    scalar = group.scalar(random)
    shared = peer * scalar
    generator = group.generator * int.from_bytes(run.nonce, "big") + shared
    if group.is_infinity(generator):
        return _refused(Status.NO_INFORMATION)
    own = group.encode(group.generator * scalar)
    if run.fault is PaceFault.WRONG_MAPPING:
        generator = generator + group.generator
    after = replace(run, step=3, generator=generator, mapping_scalar=scalar)
    return PaceStep(after, _answer(_MAP_OUT, own))


def _map_integrated(run: PaceRun, content: bytes) -> PaceStep:
    """Integrated Mapping: the new generator belongs to R(s, t) (4.4.3.3.2)."""
    group: Any = run.profile.group
    additional = one_object(content, _MAP_IN)
    if additional is None or len(additional) != KEY_SIZES[run.profile.suite]:
        return _refused(Status.WRONG_DATA)
    element = field_element(run.profile.suite, run.nonce, additional, group.p)
    if run.fault is PaceFault.WRONG_MAPPING:
        element += 1
    generator = group.integrated(element)
    if generator is None:
        return _refused(Status.NO_INFORMATION)
    return PaceStep(replace(run, step=3, generator=generator), _answer(_MAP_OUT, b""))


def _agree(run: PaceRun, content: bytes, random: Random) -> PaceStep:
    group: Any = run.profile.group
    encoded = one_object(content, _KEY_IN) or b""
    peer = group.decode(encoded)
    if peer is None:
        return _refused(Status.WRONG_DATA)
    scalar = group.scalar(random)
    own = group.encode(run.generator * scalar)
    if own == encoded:
        return _refused(Status.NO_INFORMATION)
    session = new_session(run.profile.suite, group.x(peer * scalar))
    after = replace(run, step=4, own_key=own, peer_key=encoded, session=session)
    return PaceStep(after, _answer(_KEY_OUT, own))


def _confirm(run: PaceRun, content: bytes, _random: Random) -> PaceStep:
    token = one_object(content, _TOKEN_IN)
    if token is None or run.session is None:
        return _refused(Status.WRONG_DATA)
    if not hmac.compare_digest(token, authentication_token(run, run.session, run.own_key)):
        return _refused(Status.NO_INFORMATION)
    own = authentication_token(run, run.session, run.peer_key)
    if run.fault is PaceFault.WRONG_TOKEN:
        own = own[:-1] + bytes((own[-1] ^ 1,))
    content = der.tlv(_TOKEN_OUT, own) + _chip_data(run, run.session)
    return PaceStep(None, Response(Status.OK, der.tlv(0x7C, content)), run.session)


def _chip_data(run: PaceRun, session: SecureSession) -> bytes:
    """Encrypted chip authentication data: SK_Map / SK_IC as long as the order (4.4.3.5.1)."""
    if run.profile.mapping is not PaceMapping.CHIP or run.static is None:
        return b""
    if run.fault is PaceFault.NO_CHIP_DATA:
        return b""
    order = run.profile.group.order
    private = run.static.private_scalar
    factor = pow(private, -1, order) * run.mapping_scalar % order
    plain = pad(factor.to_bytes((order.bit_length() + 7) // 8, "big"), session.BLOCK)
    encrypted = replace(session, ssc=(1 << 128) - 1).encrypt(plain)
    if run.fault is PaceFault.BAD_CHIP_DATA:
        encrypted = encrypted[:-1]
    return der.tlv(_CHIP_DATA, encrypted)


_STEPS = (_send_nonce, _map_nonce, _agree, _confirm)


def authentication_token(run: PaceRun, session: SecureSession, public_key: bytes) -> bytes:
    """MAC over the public key data object of the other side's key (4.4.3.4, 9.4.5)."""
    tag = run.profile.group.public_tag
    key_object = der.tlv(0x7F49, der.oid(run.profile.protocol), der.tlv(tag, public_key))
    return token_mac(session, key_object)
