"""Enrolment by a token that works once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_support import CENTRE_KEYS, GATE_KEY, STRANGER_KEY, UTC, seeded

from sync.centre.enrolment import admit
from sync.centre.overview import overview
from sync.centre.store import CentreStore
from sync.centre.types import QuarantineReason
from sync.log.enrolment import (
    INFO,
    Request,
    Token,
    check_answer,
    issue_token,
    make_request,
    read_token,
)
from sync.log.errors import EnrolmentRefused
from sync.log.hpke import OpeningKey
from sync.log.keys import CentreKeys, SigningKey

LATER = "2026-01-02T00:00:00.000Z"
TOO_LATE = "2026-01-02T00:00:00.001Z"
OTHER_CENTRE = CentreKeys(SigningKey(b"\x0a" * 32), OpeningKey(b"\x0b" * 32))


@pytest.fixture
def store(place: Path | str) -> Iterator[CentreStore]:
    with closing(CentreStore(place)) as opened:
        yield opened


def token(keys: CentreKeys = CENTRE_KEYS, gate: str = "gate-1", seed: int = 1) -> Token:
    return read_token(issue_token(keys, gate, LATER, seeded(seed)))


def test_a_gate_enrols_itself_and_hears_it_again_after_a_lost_answer(store: CentreStore) -> None:
    mine = token()
    request = make_request(mine, GATE_KEY, seeded(2))
    first = admit(store, CENTRE_KEYS, request, UTC)
    assert first.gate == "gate-1"
    check_answer(first.answer, mine, GATE_KEY.public)
    assert store.key_of("gate-1") == GATE_KEY.public
    again = admit(store, CENTRE_KEYS, make_request(mine, GATE_KEY, seeded(3)), UTC)
    assert again == first
    with pytest.raises(EnrolmentRefused, match="another key"):
        check_answer(first.answer, mine, STRANGER_KEY.public)
    with pytest.raises(EnrolmentRefused, match="not the central"):
        check_answer(first.answer, token(OTHER_CENTRE), GATE_KEY.public)


def forged(**changes: object) -> bytes:
    made = token()
    request = Request(token=made, public=GATE_KEY.public.raw, proof=GATE_KEY.sign(b"else"))
    data = msgspec.msgpack.encode(msgspec.structs.replace(request, **changes), order="sorted")
    return CENTRE_KEYS.public.sealing.seal(data, INFO, seeded(4))


def sealed(data: bytes) -> bytes:
    return CENTRE_KEYS.public.sealing.seal(data, INFO, seeded(5))


@pytest.mark.parametrize(
    ("payload", "utc", "what"),
    [
        (make_request(token(), GATE_KEY, seeded(2)), TOO_LATE, "expired"),
        (make_request(token(OTHER_CENTRE), GATE_KEY, seeded(2)), UTC, "not for this centre"),
        (make_request(token(gate="a/b"), GATE_KEY, seeded(2)), UTC, "name has"),
        (forged(), UTC, "not signed with its own key"),
        (forged(public=b"short"), UTC, "no request"),
        (sealed(b"\xff" * 50), UTC, "no request"),
        (sealed(b""), UTC, "no request"),
        (b"", UTC, "not for this centre"),
        (b"x" * 5000, UTC, "too long"),
    ],
)
def test_who_is_not_enrolled(store: CentreStore, payload: bytes, utc: str, what: str) -> None:
    with pytest.raises(EnrolmentRefused, match=what):
        admit(store, CENTRE_KEYS, payload, utc)
    assert store.gates() == []


def test_a_token_by_another_person_is_none_of_ours(store: CentreStore) -> None:
    theirs = CentreKeys(OTHER_CENTRE.signing, CENTRE_KEYS.opening)
    with pytest.raises(EnrolmentRefused, match="not by this centre"):
        admit(store, CENTRE_KEYS, make_request(token(theirs), GATE_KEY, seeded(2)), UTC)


def test_a_token_works_once_and_for_its_gate_alone(store: CentreStore) -> None:
    admit(store, CENTRE_KEYS, make_request(token(), GATE_KEY, seeded(2)), UTC)
    with pytest.raises(EnrolmentRefused, match="was used"):
        admit(store, CENTRE_KEYS, make_request(token(), STRANGER_KEY, seeded(2)), UTC)
    other = make_request(token(seed=2), STRANGER_KEY, seeded(2))
    with pytest.raises(EnrolmentRefused, match="another key"):
        admit(store, CENTRE_KEYS, other, UTC)
    # What was refused left its token unused: the right gate may still come.
    admit(store, CENTRE_KEYS, make_request(token(seed=2), GATE_KEY, seeded(2)), UTC)
    assert store.registry()[0].key == GATE_KEY.public


def test_a_time_in_another_form_is_no_end_of_a_token() -> None:
    """Times are compared as text, which holds for one form alone."""
    for expires in ("2027-01-01", "2027-01-01T00:00:00Z", "9"):
        with pytest.raises(EnrolmentRefused, match="damaged"):
            read_token(issue_token(CENTRE_KEYS, "gate-1", expires, seeded(1)))


def test_a_revoked_gate_gets_no_answer_that_it_is_enrolled(store: CentreStore) -> None:
    admit(store, CENTRE_KEYS, make_request(token(), GATE_KEY, seeded(2)), UTC)
    store.revoke("gate-1", UTC)
    for seed in (1, 2):  # with the token of then, and with a new one
        with pytest.raises(EnrolmentRefused, match="revoked"):
            admit(store, CENTRE_KEYS, make_request(token(seed=seed), GATE_KEY, seeded(2)), UTC)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_token_is_seen_at_the_gate(data: st.DataObject) -> None:
    good = issue_token(CENTRE_KEYS, "gate-1", LATER, seeded(1))
    place = data.draw(st.integers(0, len(good) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    bad = good[:place] + letter + good[place + 1 :]
    try:
        assert read_token(bad) == read_token(good)  # the last letter has bits of no meaning
    except EnrolmentRefused as error:
        assert "token" in error.diagnosis
        assert good[20:] not in error.diagnosis


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=300), inside=st.booleans())
def test_no_bytes_enrol_anyone(tmp_path: Path, data: bytes, inside: bool) -> None:
    with closing(CentreStore(tmp_path / "c.db")) as store:
        with pytest.raises(EnrolmentRefused):
            admit(store, CENTRE_KEYS, sealed(data) if inside else data, UTC)
        assert store.gates() == []


def test_what_an_operator_is_reported(store: CentreStore) -> None:
    store.enrol("gate-1", GATE_KEY.public, UTC)
    store.enrol("gate-2", STRANGER_KEY.public, UTC)
    store.revoke("gate-2", UTC)
    with store.transaction():
        store.quarantine.keep(QuarantineReason.FORK, "gate-1", b"x", UTC)
        store.quarantine.keep(QuarantineReason.FORK, "gate-1", b"x", UTC)
    seen = overview(store, (), UTC)
    assert [(row.gate, row.state) for row in seen.gates] == [
        ("gate-1", "new"),
        ("gate-2", "revoked"),
    ]
    assert [(alarm.gate, alarm.times) for alarm in seen.alarms] == [("gate-1", 2)]
