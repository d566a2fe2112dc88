"""Sign-in: name, password and one-time code, and how many failures are allowed."""

from __future__ import annotations

from gate_agent.console.officers import MAX_PASSWORD_CHARACTERS, Officer, verify_password
from gate_agent.console.rate_limit import RateLimit
from gate_agent.console.second_factor import matching_step

# Of a discarded random password: an unknown name takes as much time as a known one.
NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA"
    "$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
WRONG = "Name, password or code is wrong."
TOO_MANY = "Too many attempts. Wait a minute and try again."


class Credentials:
    """The officers of a page, recent failures, and the last code that each of them used.

    Args:
        officers: who may sign in.
        per_address, per_name: failures allowed within `window_s`.
    """

    def __init__(
        self, officers: tuple[Officer, ...], per_address: int, per_name: int, window_s: int
    ) -> None:
        self._officers = {officer.name: officer for officer in officers}
        self._by_address = RateLimit(per_address, window_s)
        self._by_name = RateLimit(per_name, window_s)
        self._used_step: dict[str, int] = {}

    def may_try(self, name: str, address: str, now_ns: int) -> bool:
        """Whether neither the name nor the address failed too often of late."""
        return self._by_address.allows(address, now_ns) and self._by_name.allows(name, now_ns)

    def password_fits(self, name: str, password: str) -> bool:
        """Whether an officer of that name has that password; takes as long as argon2 takes."""
        officer = self._officers.get(name)
        known = NOBODY if officer is None else officer.password_hash
        short = len(password) <= MAX_PASSWORD_CHARACTERS
        return short and verify_password(known, password) and officer is not None

    def code_fits(self, name: str, code: str, utc_ms: int) -> bool:
        """Whether the code is right and was not used before; true without a second factor."""
        officer = self._officers.get(name)
        if officer is None or not officer.totp_secret:
            return officer is not None
        step = matching_step(officer.totp_secret, code.strip(), utc_ms)
        if step is None or step <= self._used_step.get(name, -1):
            return False
        self._used_step[name] = step
        return True

    def failed(self, name: str, address: str, now_ns: int) -> None:
        """Count a failure against both."""
        self._by_address.failed(address, now_ns)
        self._by_name.failed(name, now_ns)
