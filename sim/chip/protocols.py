"""The chip's security protocols as commands: PACE, chip and active authentication.

MANAGE SECURITY ENVIRONMENT chooses, GENERAL and INTERNAL AUTHENTICATE carry out
(ICAO Doc 9303-11, 4.4.4, 6.1.3 and 6.2.4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sim.chip import der
from sim.chip.active_authentication import CHALLENGE_SIZE
from sim.chip.apdu import Command, Response, Status
from sim.chip.chip_authentication import AgreementKey
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import Random
from sim.chip.model import Agreement, Card, CardState
from sim.chip.pace import MRZ, PaceMapping, PaceProfile, PaceRun, advance, encoded_password
from sim.chip.prime_fields import FIELDS
from sim.chip.security_infos import CHIP_AUTHENTICATION, CHIP_AUTHENTICATION_DH
from sim.chip.tlv import data_objects, one_object

_SET_AT_PACE = 0xC1A4
_SET_AT_CHIP = 0x41A4
_SET_KAT = 0x41A6

_PROTOCOL = 0x80
_PASSWORD = 0x83
_REFERENCE = 0x84
_EPHEMERAL_KEY = 0x91
_CHAINED = 0x10

_Outcome = tuple[CardState, Response]


def manage_security(card: Card, state: CardState, command: Command, _random: Random) -> _Outcome:
    """MSE:Set AT and MSE:Set KAT; data objects of other tags are ignored (4.4.4.1, note 2)."""
    state = replace(state, pace=None, agreement=None)
    objects = data_objects(command.data)
    if objects is None:
        return state, Response(Status.WRONG_DATA)
    if command.le and card.behaviour.le_refused:
        return state, Response(Status.WRONG_LENGTH)
    handler = _TEMPLATES.get(command.p1 << 8 | command.p2)
    if handler is None:
        return state, Response(Status.WRONG_P1_P2)
    return handler(card, state, objects)


def _one_byte(value: bytes | None) -> int | None:
    return value[0] if value is not None and len(value) == 1 else None


def _choose_pace(card: Card, state: CardState, objects: dict[int, bytes]) -> _Outcome:
    if state.session is not None:
        return state, Response(Status.CONDITIONS_OF_USE)
    wanted = objects.get(_PROTOCOL)
    offered = [p for p in card.features.pace if der.oid(p.protocol)[2:] == wanted]
    if not offered:
        return state, Response(Status.WRONG_DATA)
    profile = _by_parameter(offered, objects.get(_REFERENCE))
    reference = _one_byte(objects.get(_PASSWORD)) or 0
    password = encoded_password(reference, card.access_key_text, card.features.can)
    if profile is None or password is None:
        return state, Response(Status.REFERENCE_NOT_FOUND)
    if reference == MRZ and card.behaviour.pace_by_can_only:
        return state, Response(Status.REFERENCE_NOT_FOUND)
    run = PaceRun(
        profile,
        password,
        refuse_at=card.behaviour.pace_refused_at,
        static=card.features.mapping_key(profile),
        fault=card.behaviour.pace_fault,
    )
    if profile.mapping is PaceMapping.CHIP and run.static is None:
        return state, Response(Status.WRONG_DATA)
    return replace(state, pace=run), Response(Status.OK)


def _by_parameter(offered: list[PaceProfile], reference: bytes | None) -> PaceProfile | None:
    """The profile meant: by its domain parameters, which may be left out where only one fits."""
    if reference is None:
        return offered[0] if len(offered) == 1 else None
    number = int.from_bytes(reference, "big")
    return next((p for p in offered if p.parameter_id == number), None)


def _key_for(
    card: Card, suite: CipherSuite, reference: bytes | None, *, over_field: bool | None = None
) -> AgreementKey | None:
    """The key meant; `over_field`: that of DH alone, or of a curve alone."""
    keys = [
        key
        for key in card.features.agreement
        if suite in key.suites and over_field in (None, key.parameter_id in FIELDS)
    ]
    if reference is None:
        return keys[0] if len(keys) == 1 else None
    number = int.from_bytes(reference, "big")
    return next((key for key in keys if key.key_id == number), None)


def _choose_agreement(card: Card, state: CardState, objects: dict[int, bytes]) -> _Outcome:
    if state.session is None:
        return state, Response(Status.SECURITY_STATUS)
    chosen = _AGREEMENTS.get(objects.get(_PROTOCOL, b""))
    if chosen is None:
        return state, Response(Status.WRONG_DATA)
    suite, over_field = chosen
    if not any(
        suite in key.suites and over_field is (key.parameter_id in FIELDS)
        for key in card.features.agreement
    ):
        return state, Response(Status.WRONG_DATA)
    key = _key_for(card, suite, objects.get(_REFERENCE), over_field=over_field)
    if key is None:
        return state, Response(Status.REFERENCE_NOT_FOUND)
    return replace(state, agreement=Agreement(key, suite)), Response(Status.OK)


_AGREEMENTS = {
    der.oid(f"{protocol}.{suite.arc}")[2:]: (suite, over_field)
    for protocol, over_field in ((CHIP_AUTHENTICATION, False), (CHIP_AUTHENTICATION_DH, True))
    for suite in CipherSuite
}
"""Suite of each protocol identifier of chip authentication, and whether it is that of DH."""


def _set_key_agreement(card: Card, state: CardState, objects: dict[int, bytes]) -> _Outcome:
    """Chip authentication in one command, 3DES only (6.2.4.1)."""
    if state.session is None:
        return state, Response(Status.SECURITY_STATUS)
    key = _key_for(card, CipherSuite.TRIPLE_DES, objects.get(_REFERENCE))
    if key is None:
        return state, Response(Status.REFERENCE_NOT_FOUND)
    if card.behaviour.agreement_refused:
        return state, Response(Status.NO_INFORMATION)
    session = key.agree(CipherSuite.TRIPLE_DES, objects.get(_EPHEMERAL_KEY, b""))
    if session is None:
        return state, Response(Status.WRONG_DATA)
    return replace(state, next_session=session), Response(Status.OK)


_TEMPLATES: dict[int, Callable[[Card, CardState, dict[int, bytes]], _Outcome]] = {
    _SET_AT_PACE: _choose_pace,
    _SET_AT_CHIP: _choose_agreement,
    _SET_KAT: _set_key_agreement,
}


def general_authenticate(
    card: Card, state: CardState, command: Command, random: Random
) -> _Outcome:
    """The next step of what MSE:Set AT has chosen; PACE in the open, the rest protected."""
    if command.p1 or command.p2:
        return state, Response(Status.WRONG_P1_P2)
    if state.agreement is not None and state.session is not None:
        return _agree(card, state, state.agreement, command)
    if state.pace is None or state.session is not None:
        return replace(state, pace=None), Response(Status.CONDITIONS_OF_USE)
    chained = bool(command.cla & _CHAINED)
    run, response, session = advance(state.pace, command.data, chained=chained, random=random)
    return replace(state, pace=run, session=session), response


def _agree(card: Card, state: CardState, chosen: Agreement, command: Command) -> _Outcome:
    """Chip authentication's GENERAL AUTHENTICATE; the new session begins after the answer."""
    state = replace(state, agreement=None)
    terminal_key = one_object(one_object(command.data, 0x7C) or b"", 0x80)
    if card.behaviour.agreement_refused:
        return state, Response(Status.NO_INFORMATION)
    session = None if terminal_key is None else chosen.key.agree(chosen.suite, terminal_key)
    if session is None:
        return state, Response(Status.WRONG_DATA)
    return replace(state, next_session=session), Response(Status.OK, der.tlv(0x7C))


def internal_authenticate(
    card: Card, state: CardState, command: Command, random: Random
) -> _Outcome:
    """Active authentication (6.1.3)."""
    if state.session is None:
        return state, Response(Status.SECURITY_STATUS)
    key = card.features.active
    if key is None:
        return state, Response(Status.INS_NOT_SUPPORTED)
    if command.p1 or command.p2:
        return state, Response(Status.WRONG_P1_P2)
    if len(command.data) != CHALLENGE_SIZE:
        return state, Response(Status.WRONG_LENGTH)
    return state, Response(Status.OK, key.sign(command.data, random))
