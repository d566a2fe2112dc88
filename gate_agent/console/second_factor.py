"""One-time codes of an authenticator (RFC 6238: HMAC-SHA-1, six digits, 30 seconds)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import quote

STEP_MS = 30_000
DIGITS = 6
SECRET_BYTES = 20  # RFC 4226, 4: 160 bits recommended
DRIFT_STEPS = 1  # RFC 6238, 5.2: one step for a clock that is off and a code typed slowly


def new_secret(random: Callable[[int], bytes]) -> str:
    """A secret as authenticators take it: base32."""
    return base64.b32encode(random(SECRET_BYTES)).decode("ascii")


def enrolment_uri(name: str, secret: str) -> str:
    """What an authenticator is set up with, typed in or from a picture of it."""
    return f"otpauth://totp/egate:{quote(name)}?secret={secret}&issuer=egate"


def code_at(secret: str, step: int) -> str:
    """The code of a step of 30 seconds since 1970 (RFC 4226, 5.3)."""
    mac = hmac.new(base64.b32decode(secret), step.to_bytes(8, "big"), hashlib.sha1).digest()
    at = mac[-1] & 0x0F
    number = int.from_bytes(mac[at : at + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def matching_step(secret: str, code: str, utc_ms: int) -> int | None:
    """The step whose code this is, now or one step to either side; None if the code is wrong.

    All are compared, so that the time taken reveals nothing.
    """
    now = utc_ms // STEP_MS
    found = None
    for step in range(max(0, now - DRIFT_STEPS), now + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step).encode(), code.encode()):
            found = step
    return found
