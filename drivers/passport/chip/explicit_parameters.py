"""Domain parameters that are spelled out, found among the standardised (Doc 9303-11, 9.5.2).

Only those are taken whose numbers are **all** the standard's own (CVE-2020-0601).
"""

from __future__ import annotations

from drivers.passport import tlv
from drivers.passport.chip.domain_parameters import CURVE_NAMES, STRENGTH_BITS
from drivers.passport.chip.modp import MODP_GROUPS
from drivers.passport.curves import Parameters, by_parameters
from drivers.passport.errors import AlgorithmUnknown, TlvError

STANDARDISED = bytes.fromhex("04007F00070102")  # 0.4.0.127.0.7.1.2
EC_PUBLIC_KEY = bytes.fromhex("2A8648CE3D0201")  # 1.2.840.10045.2.1
X942_PUBLIC_NUMBER = bytes.fromhex("2A8648CE3E0201")  # 1.2.840.10046.2.1
PKCS3_AGREEMENT = bytes.fromhex("2A864886F70D010301")  # 1.2.840.113549.1.3.1


def standardised_number(algorithm: bytes) -> int | None:
    """The standardised parameters that an AlgorithmIdentifier's content means; None for none."""
    try:
        parts = tlv.read_all(algorithm)
        if len(parts) < 2:
            return None
        if parts[0].value == STANDARDISED:
            number = int.from_bytes(parts[1].value, "big")
            return number if number in STRENGTH_BITS else None
        if parts[0].value == EC_PUBLIC_KEY:
            return _curve_number(tlv.read_all(parts[1].value))
        return modp_number(parts) if parts[0].value == X942_PUBLIC_NUMBER else None
    except TlvError:
        return None


def modp_number(algorithm: list[tlv.Tlv]) -> int | None:
    """The group whose parameters are all these: p and g, and q where it is given (X9.42).

    Raises:
        TlvError: the parameters are malformed.
    """
    if len(algorithm) < 2:
        return None
    numbers = [int.from_bytes(part.value, "big") for part in tlv.read_all(algorithm[1].value)]
    x942 = algorithm[0].value == X942_PUBLIC_NUMBER
    for number, group in MODP_GROUPS.items():
        wanted = [group.p, group.generator] + ([group.q] if x942 else [])
        if numbers[: len(wanted)] == wanted:
            return number
    return None


def _curve_number(parameters: list[tlv.Tlv]) -> int | None:
    """ECParameters (SEC 1, C.2): version, field, coefficients, base, order, optional cofactor."""
    if len(parameters) < 5:
        return None
    field, coefficients = (tlv.read_all(parameters[place].value) for place in (1, 2))
    if len(field) < 2 or len(coefficients) < 2:
        return None
    p, a, b, n = (
        int.from_bytes(part.value, "big")
        for part in (field[1], coefficients[0], coefficients[1], parameters[4])
    )
    h = int.from_bytes(parameters[5].value, "big") if len(parameters) > 5 else 1
    try:
        name = by_parameters(Parameters(p, a, b, parameters[3].value, n, h)).name
    except AlgorithmUnknown:
        return None
    return next((number for number, known in CURVE_NAMES.items() if known == name), None)
