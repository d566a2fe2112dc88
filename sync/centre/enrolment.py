"""Enrolment at the central system: a token is good once, until its time, for its gate."""

from __future__ import annotations

from typing import NamedTuple

from sync.centre.store import CentreStore
from sync.log.enrolment import INFO, MAX_REQUEST_BYTES, make_answer, read_request, token_is_by
from sync.log.errors import EnrolmentRefused, SealBroken
from sync.log.keys import CentreKeys, VerifyingKey


class Admission(NamedTuple):
    """A gate that is enrolled now, and the note that confirms it."""

    gate: str
    answer: bytes


def admit(store: CentreStore, keys: CentreKeys, payload: bytes, utc: str) -> Admission:
    """Enrol a gate that shows a good token. The same request again has the same answer.

    Args:
        store: the registry of gates.
        keys: open the request, check the token, sign the answer.
        payload: the request as it came.
        utc: now, RFC 3339 with milliseconds and Z.

    Raises:
        EnrolmentRefused: the request, its token or its key is not good.
        StorageError: nothing was changed.
    """
    if len(payload) > MAX_REQUEST_BYTES:
        raise EnrolmentRefused("a request for enrolment is too long")
    try:
        request = read_request(keys.opening.open(payload, INFO))
    except SealBroken as error:
        raise EnrolmentRefused("a request for enrolment is not for this centre") from error
    token = request.token
    if not token_is_by(token, keys.signing.public):
        raise EnrolmentRefused("a token is not by this centre")
    if utc > token.expires_utc:  # both have one form, in which text is ordered as time is
        raise EnrolmentRefused(f"the token of gate {token.gate} has expired")
    key = VerifyingKey(request.public)
    with store.transaction():
        known = store.hold([token.gate]).get(token.gate)
        if known is not None and known.revoked_utc:
            raise EnrolmentRefused(f"gate {token.gate} was revoked: it needs another name")
        used = not store.use_token(token.sha256, token.gate, utc)
        if used and (known is None or known.key != key):
            raise EnrolmentRefused(f"the token of gate {token.gate} was used")
        store.enrol(token.gate, key, utc)
    return Admission(token.gate, make_answer(token.gate, key, keys.signing))
