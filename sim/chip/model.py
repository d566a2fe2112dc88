"""What a passport chip is and what it remembers: its files, secrets, behaviour and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sim.chip.active_authentication import ActiveKey
from sim.chip.apdu import Response
from sim.chip.bac import AccessKeys
from sim.chip.chip_authentication import AgreementKey
from sim.chip.key_derivation import CipherSuite
from sim.chip.pace import PaceFault, PaceProfile, PaceRun
from sim.chip.secure_messaging import SecureSession

EF_CARD_ACCESS = 0x011C
EF_CARD_SECURITY = 0x011D
"""Both of the master file, where 011D is not EF.SOD."""

_SELECT = 0xA4
_GET_CHALLENGE = 0x84
_EXTERNAL_AUTHENTICATE = 0x82
_INTERNAL_AUTHENTICATE = 0x88
_GENERAL_AUTHENTICATE = 0x86
_AUTHENTICATING = (_EXTERNAL_AUTHENTICATE, _INTERNAL_AUTHENTICATE, _GENERAL_AUTHENTICATE)
_READ_BINARY = 0xB0
_READ_BINARY_ODD = 0xB1


@dataclass(frozen=True)
class Latency:
    """How long the chip computes, besides the air: by instruction, and per byte protected."""

    select_ns: int = 6_000_000
    challenge_ns: int = 8_000_000
    authenticate_ns: int = 55_000_000
    general_ns: int = 90_000_000
    internal_ns: int = 110_000_000
    read_ns: int = 4_000_000
    other_ns: int = 2_000_000
    protected_byte_ns: int = 9_000

    def of(self, raw: bytes, response: bytes) -> int:
        """Time from the end of the command to the start of the response."""
        instruction = raw[1] if len(raw) > 1 else 0
        base = {
            _SELECT: self.select_ns,
            _GET_CHALLENGE: self.challenge_ns,
            _EXTERNAL_AUTHENTICATE: self.authenticate_ns,
            _GENERAL_AUTHENTICATE: self.general_ns,
            _INTERNAL_AUTHENTICATE: self.internal_ns,
            _READ_BINARY: self.read_ns,
            _READ_BINARY_ODD: self.read_ns,
        }.get(instruction, self.other_ns)
        protected = bool(raw) and raw[0] & 0x0C == 0x0C
        return base + (self.protected_byte_ns * (len(raw) + len(response)) if protected else 0)


class Tampering(StrEnum):
    """What a man in the middle does to answers under secure messaging."""

    NONE = "none"
    REPLAYED = "replayed"
    ALTERED = "altered"
    PLAIN = "plain"


class AfterError(StrEnum):
    """What a chip does once a session was broken: by an error in plain, or a plain command."""

    ENDS = "ends"
    """The session is over; a new one may begin (Doc 9303-11, 9.8)."""
    GOES_ON = "goes_on"
    """The session goes on after an error in plain, with the counter from before it."""
    STUCK = "stuck"
    """Every command is answered with 6982, until the chip is reset."""
    STUCK_FOR_GOOD = "stuck_for_good"
    """... and after that."""


@dataclass(frozen=True)
class Behaviour:
    """Where a chip departs from a faultless one; the defaults depart nowhere.

    Attributes:
        largest_read: a READ BINARY that asks for more is refused with 6700.
        extended_length: commands with extended length are understood.
        extended_length_mutes: one that is not understood is not answered at all.
        session_ends_after_reads: this many reads after power-up the session is dropped
            (6988); a new one then lasts.
        lost_at_byte: the chip falls silent for good once this many bytes of files were sent.
        mute: the chip is activated but never answers a command.
        thinking_ns: what the chip asks for besides, by waiting time extensions, in commands
            that authenticate.
        le_refused: SELECT and MSE that expect an answer are refused with 6700.
        pace_by_can_only: PACE does not know the MRZ as its password.
        pace_refused_at: the step of PACE (1 to 4) at which the chip breaks off with 6300.
        pace_fault: what the chip does wrong in PACE, as far as the mapping has it.
        agreement_refused: chip authentication ends with 6300 though the key is there.
        errors_in_plain: errors under secure messaging are answered without protection.
        after_error: what becomes of the session after an error in plain, or a plain command.
        tampering: what an attacker between chip and reader makes of a protected answer.
    """

    largest_read: int = 65_536
    extended_length: bool = True
    extended_length_mutes: bool = False
    session_ends_after_reads: int | None = None
    lost_at_byte: int | None = None
    mute: bool = False
    thinking_ns: int = 0
    le_refused: bool = False
    pace_by_can_only: bool = False
    pace_refused_at: int = 0
    pace_fault: PaceFault = PaceFault.NONE
    agreement_refused: bool = False
    errors_in_plain: bool = False
    after_error: AfterError = AfterError.ENDS
    tampering: Tampering = Tampering.NONE

    def extra_ns(self, raw: bytes) -> int:
        """Time beyond `Latency` for a command."""
        return self.thinking_ns if len(raw) > 1 and raw[1] in _AUTHENTICATING else 0


@dataclass(frozen=True)
class Features:
    """What a chip can do besides Basic Access Control, with the secrets for it.

    Attributes:
        bac: whether Basic Access Control is offered at all.
        pace: what EF.CardAccess announces; none, no PACE.
        can: the card access number printed on the document; "" for none.
        active: key of active authentication, its public half in DG15.
        agreement: keys of chip authentication, their public halves in DG14.
    """

    bac: bool = True
    pace: tuple[PaceProfile, ...] = ()
    can: str = field(default="", repr=False)
    active: ActiveKey | None = None
    agreement: tuple[AgreementKey, ...] = ()

    def mapping_key(self, profile: PaceProfile) -> AgreementKey | None:
        """The static key that chip authentication mapping over these parameters proves."""
        fitting = [key for key in self.agreement if key.parameter_id == profile.parameter_id]
        named = [key for key in fitting if key.key_id == profile.parameter_id]
        return next(iter(named or fitting), None)


@dataclass(frozen=True)
class Card:
    """What does not change: files by identifier, access keys, behaviour, timing.

    `files` are the application's, `master_files` those of the master file;
    `access_key_text` is what PACE with the MRZ derives its key from.
    """

    files: Mapping[int, bytes] = field(repr=False)
    keys: AccessKeys = field(repr=False)
    behaviour: Behaviour = Behaviour()
    latency: Latency = Latency()
    features: Features = Features()
    master_files: Mapping[int, bytes] = field(default_factory=dict, repr=False)
    access_key_text: str = field(default="", repr=False)


@dataclass(frozen=True)
class Agreement:
    """Chip authentication as MSE:Set AT has chosen it."""

    key: AgreementKey
    suite: CipherSuite


@dataclass(frozen=True)
class CardState:
    """What does: the default is a chip just powered up.

    `next_session` replaces `session` once the answer under way has been protected. `recounts`:
    an error in plain may have been counted or not by the reader. `stuck`: 6982 to everything.
    """

    application: bool = False
    file: int | None = None
    challenge: bytes | None = field(default=None, repr=False)
    session: SecureSession | None = field(default=None, repr=False)
    next_session: SecureSession | None = field(default=None, repr=False)
    pace: PaceRun | None = field(default=None, repr=False)
    agreement: Agreement | None = None
    reads: int = 0
    bytes_read: int = 0
    lost: bool = False
    recounts: bool = False
    stuck: bool = False
    last_answer: Response | None = field(default=None, repr=False)
