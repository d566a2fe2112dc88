"""What chips of specimens can do: keys, and the access protocols besides generic mapping."""

from __future__ import annotations

from collections.abc import Callable

from sim.chip.chip_authentication import AgreementKey
from sim.chip.curves import NAMES
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import seeded_random
from sim.chip.model import Features
from sim.chip.pace import PaceMapping, PaceProfile
from sim.chip.prime_fields import group_of

CAN = "240115"
"""Card access number of each specimen that does PACE."""

MakeFeatures = Callable[[], Features]


def agreement_key(
    parameter_id: int,
    *suites: CipherSuite,
    key_id: int | None = None,
    standardised: bool = False,
) -> AgreementKey:
    """A chip authentication key of a specimen, from its parameters alone."""
    scalar = group_of(parameter_id).scalar(seeded_random(f"agree {parameter_id} {key_id}".encode()))
    return AgreementKey(parameter_id, scalar, suites, key_id, standardised)


def with_agreement(*keys: AgreementKey, pace: tuple[PaceProfile, ...] = ()) -> MakeFeatures:
    """Chip authentication with these keys, beside BAC and this PACE."""
    return lambda: Features(pace=pace, can=CAN if pace else "", agreement=keys)


def with_pace(*profiles: PaceProfile, bac: bool = True) -> MakeFeatures:
    """PACE by these protocols."""
    return lambda: Features(bac=bac, pace=profiles, can=CAN)


def other_mappings() -> dict[str, MakeFeatures]:
    """Integrated and chip authentication mapping, and every protocol over prime fields."""
    triple, aes, aes192, aes256 = CipherSuite
    integrated, chip = PaceMapping.INTEGRATED, PaceMapping.CHIP
    strongest = (
        PaceProfile(triple, 12),
        PaceProfile(aes256, 0),
        PaceProfile(aes, 13, integrated),
        PaceProfile(aes, 13),
        PaceProfile(aes, 13, chip),
    )
    named, other = agreement_key(13, aes, key_id=13), agreement_key(12, aes, key_id=1)
    return {
        **{
            f"pace_im_{suite}_{NAMES[number]}": with_pace(PaceProfile(suite, number, integrated))
            for suite, number in ((triple, 12), (aes, 13), (aes192, 15), (aes256, 17), (aes, 8))
        },
        "pace_im_only": with_pace(PaceProfile(aes, 13, integrated), bac=False),
        **{
            f"pace_cam_{suite}_{NAMES[number]}": _mapped(suite, number)
            for suite, number in ((aes, 13), (aes192, 16), (aes256, 18))
        },
        "pace_cam_and_weaker": with_agreement(named, other, pace=strongest),
        **{
            f"pace_dh_gm_{number}": with_pace(PaceProfile(suite, number))
            for suite, number in ((triple, 0), (aes, 1), (aes256, 2))
        },
        **{
            f"pace_dh_im_{number}": with_pace(PaceProfile(suite, number, integrated))
            for suite, number in ((aes, 0), (aes192, 1), (aes256, 2))
        },
        "ca_dh_3des": with_agreement(agreement_key(0, triple)),
        "ca_dh_aes128": with_agreement(agreement_key(1, aes)),
        "ca_dh_aes256_standardised": with_agreement(agreement_key(2, aes256, standardised=True)),
        "pace_dh_ca_dh": with_agreement(agreement_key(2, aes), pace=(PaceProfile(aes, 2),)),
    }


def _mapped(suite: CipherSuite, parameter_id: int) -> MakeFeatures:
    """Chip authentication mapping, and what must be there beside it (Doc 9303-11, 4.4)."""
    key = agreement_key(parameter_id, suite, key_id=parameter_id)
    profiles = PaceProfile(suite, parameter_id, PaceMapping.CHIP), PaceProfile(suite, parameter_id)
    return with_agreement(key, pace=profiles)
