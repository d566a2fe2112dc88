"""What marks a certificate as made for demonstration: an extension, and a name that says DEMO.

Either mark alone is enough, and both are of a kind that foreign software passes over: the
extension is not critical and its identifier has small arcs, under the enterprise number that
RFC 5612 keeps for documentation. Critical extensions that software does not know make it refuse
the certificate (RFC 5280, 4.2), and several decoders hold no arc of 2^31 or more.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

DEMO_MARK_OID = "1.3.6.1.4.1.32473.9303.1"
"""Extension of every certificate made for demonstration; not critical."""

FORMER_DEMO_MARK_OID = "2.25.302106357012349824173905521948113207841"
"""The mark of demo certificates made before, a critical extension; they are still marked."""

DEMO_NAME = "DEMO"
"""First word of the common name of every certificate made for demonstration."""

COMMON_NAME = "2.5.4.3"
_FIRST_WORD = re.compile(rf"\s*{DEMO_NAME}(?![^\W\d_])", re.IGNORECASE)


def is_demo(extensions: Container[str], *names: Iterable[tuple[str, str]]) -> bool:
    """Whether a certificate with these extensions and names is demonstration material.

    Args:
        extensions: object identifiers.
        names: subject and issuer, as attribute types and values.
    """
    if DEMO_MARK_OID in extensions or FORMER_DEMO_MARK_OID in extensions:
        return True
    return any(
        kind == COMMON_NAME and _FIRST_WORD.match(value) is not None
        for name in names
        for kind, value in name
    )
