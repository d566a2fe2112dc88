"""Forgeries of a chip's own proofs: clones, stripped protocols, altered announcements.

Each fits only documents that have what it forges.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from types import MappingProxyType

from sim.chip import der
from sim.chip.active_authentication import ActiveEcdsa, ActiveKey, ActiveReplay, ActiveRsa
from sim.chip.forgeries import Forgery
from sim.chip.key_derivation import CipherSuite
from sim.chip.keys import KeySource, seeded_random
from sim.chip.model import EF_CARD_ACCESS, Features
from sim.chip.pace import PaceMapping, PaceProfile
from sim.chip.personalise import EF_COM, EF_SOD, Personalisation, common_data
from sim.chip.prime_fields import group_of
from sim.chip.reissue import without_files
from sim.chip.rsa import RsaNumbers, generate
from sim.chip.security_infos import security_infos

EF_DG14 = 0x010E
EF_DG15 = 0x010F


def _seed(genuine: Personalisation, purpose: str) -> bytes:
    return hashlib.sha256(purpose.encode() + genuine.files[EF_SOD]).digest()


def _with_features(genuine: Personalisation, features: Features) -> Personalisation:
    """Another chip behind the same files."""
    return replace(genuine, features=features)


def _forged_key(genuine: Personalisation, purpose: str) -> ActiveKey:
    """A key of the forger's own that fits the scheme of the document's."""
    true, seed = genuine.features.active, _seed(genuine, purpose)
    if isinstance(true, ActiveRsa):
        private = generate(seeded_random(seed), true.key.n.bit_length())
        return replace(true, key=RsaNumbers.of(private))
    if not isinstance(true, ActiveEcdsa):
        raise TypeError("the document has no key for active authentication")
    return replace(true, key=KeySource.seeded(seed).key(true.key.algorithm, true.key.hash_name))


def _cloned_active(genuine: Personalisation) -> Personalisation:
    """All files copied; the private key cannot be, so another signs."""
    forged = _forged_key(genuine, "cloned_active")
    return _with_features(genuine, replace(genuine.features, active=forged))


def _silent_active(genuine: Personalisation) -> Personalisation:
    """All files copied onto a chip that knows no active authentication."""
    return _with_features(genuine, replace(genuine.features, active=None))


def _replayed_active(genuine: Personalisation) -> Personalisation:
    """A signature of the true chip, recorded once, answers every challenge."""
    true = genuine.features.active
    if not isinstance(true, ActiveRsa | ActiveEcdsa):
        raise TypeError("the document has no key for active authentication")
    signature = true.sign(bytes(8), seeded_random(_seed(genuine, "replayed_active")))
    replay = ActiveReplay(true, signature)
    return _with_features(genuine, replace(genuine.features, active=replay))


def _altered_dg15(genuine: Personalisation) -> Personalisation:
    """The forger's key in DG15 and in the chip: active authentication alone would succeed."""
    forged = _forged_key(genuine, "altered_dg15")
    made = genuine.with_file(EF_DG15, der.tlv(0x6F, forged.public_key_info))
    return _with_features(made, replace(genuine.features, active=forged))


def _hidden_dg15(genuine: Personalisation) -> Personalisation:
    """EF.SOD lists DG15 and the chip denies it, so that no reader asks for its proof."""
    return _silent_active(without_files(genuine, EF_DG15))


def _hidden_dg15_and_com(genuine: Personalisation) -> Personalisation:
    """The same, and EF.COM, which is not signed, does not mention it either."""
    hidden = _hidden_dg15(genuine)
    numbers = [fid & 0xFF for fid in hidden.files if fid & 0xFF <= 16]
    return hidden.with_file(EF_COM, common_data(numbers))


def _cloned_agreement(genuine: Personalisation) -> Personalisation:
    """All files copied; key agreement comes out wrong without the private key."""
    keys = tuple(replace(key, misagrees=True) for key in genuine.features.agreement)
    return _with_features(genuine, replace(genuine.features, agreement=keys))


def _silent_agreement(genuine: Personalisation) -> Personalisation:
    """All files copied onto a chip that knows no chip authentication."""
    return _with_features(genuine, replace(genuine.features, agreement=()))


def _altered_dg14(genuine: Personalisation) -> Personalisation:
    """The forger's key in DG14 and in the chip: chip authentication alone would succeed."""
    draw = seeded_random(_seed(genuine, "altered_dg14"))
    keys = tuple(
        replace(key, scalar=group_of(key.parameter_id).scalar(draw))
        for key in genuine.features.agreement
    )
    features = replace(genuine.features, agreement=keys)
    infos = [profile.info for profile in features.pace]
    infos += [info for key in keys for info in key.infos]
    made = genuine.with_file(EF_DG14, der.tlv(0x6E, security_infos(infos)))
    return _with_features(made, features)


def _hidden_dg14(genuine: Personalisation) -> Personalisation:
    """EF.SOD lists DG14 and the chip denies it."""
    return _silent_agreement(without_files(genuine, EF_DG14))


def _announced(genuine: Personalisation, *profiles: PaceProfile) -> Personalisation:
    """EF.CardAccess announces these, and the chip does them; DG14 still says otherwise."""
    infos = {EF_CARD_ACCESS: security_infos(profile.info for profile in profiles)}
    made = _with_features(genuine, replace(genuine.features, pace=profiles))
    return replace(made, master_files=MappingProxyType(infos if profiles else {}))


def _hidden_card_access(genuine: Personalisation) -> Personalisation:
    """PACE hidden, so that the reader takes BAC with its weaker keys."""
    return _announced(genuine)


def _weaker_cipher_announced(genuine: Personalisation) -> Personalisation:
    """3DES announced where the signed DG14 knows AES alone."""
    (true, *_) = genuine.features.pace
    return _announced(genuine, PaceProfile(CipherSuite.TRIPLE_DES, true.parameter_id))


def _weaker_group_announced(genuine: Personalisation) -> Personalisation:
    """A prime field of 1024 bits announced where the signed DG14 knows a curve."""
    (true, *_) = genuine.features.pace
    return _announced(genuine, PaceProfile(true.suite, 0))


def _other_curve_announced(genuine: Personalisation) -> Personalisation:
    (true, *_) = genuine.features.pace
    return _announced(genuine, PaceProfile(true.suite, 12 if true.parameter_id != 12 else 13))


def _chip_mapping_withheld(genuine: Personalisation) -> Personalisation:
    """Chip authentication mapping not announced, so that nothing proves the chip's key in PACE."""
    rest = (p for p in genuine.features.pace if p.mapping is not PaceMapping.CHIP)
    return _announced(genuine, *rest)


def _chip_mapping(features: Features) -> object:
    return any(profile.mapping is PaceMapping.CHIP for profile in features.pace)


def _active(features: Features) -> object:
    return features.active


def _agreement(features: Features) -> object:
    return features.agreement


def _pace(features: Features) -> object:
    return features.pace


def _pace_and_bac(features: Features) -> object:
    return features.pace and features.bac


_CAM = "pace_cam_and_weaker"
_Apply = Callable[[Personalisation], Personalisation]
_ROWS: tuple[tuple[str, str, _Apply, str, Callable[[Features], object]], ...] = (
    ("cloned_rsa", "active_authentication", _cloned_active, "aa_rsa_2048_sha256", _active),
    ("cloned_ecdsa", "active_authentication", _cloned_active, "aa_ecdsa_plain", _active),
    ("silent_active", "active_authentication", _silent_active, "aa_ecdsa_plain", _active),
    ("replayed_rsa", "active_authentication", _replayed_active, "aa_rsa_2048_sha256", _active),
    ("replayed_ecdsa", "active_authentication", _replayed_active, "aa_ecdsa_plain", _active),
    ("altered_dg15", "dg_hash.DG15", _altered_dg15, "aa_ecdsa_plain", _active),
    ("hidden_dg15", "stripping", _hidden_dg15, "aa_ecdsa_plain", _active),
    ("hidden_dg15_and_com", "stripping", _hidden_dg15_and_com, "aa_ecdsa_plain", _active),
    ("cloned_agreement_aes", "chip_authentication", _cloned_agreement, "ca_aes128", _agreement),
    ("cloned_agreement_3des", "chip_authentication", _cloned_agreement, "ca_3des", _agreement),
    ("cloned_mapping", "chip_authentication", _cloned_agreement, _CAM, _chip_mapping),
    ("chip_mapping_withheld", "stripping", _chip_mapping_withheld, _CAM, _chip_mapping),
    ("weaker_group_announced", "stripping", _weaker_group_announced, _CAM, _chip_mapping),
    ("cloned_agreement_dh", "chip_authentication", _cloned_agreement, "ca_dh_aes128", _agreement),
    ("silent_agreement", "chip_authentication", _silent_agreement, "ca_aes128", _agreement),
    ("altered_dg14", "dg_hash.DG14", _altered_dg14, "ca_aes128", _agreement),
    ("hidden_dg14", "stripping", _hidden_dg14, "ca_aes128", _agreement),
    ("hidden_card_access", "stripping", _hidden_card_access, "pace_ca", _pace_and_bac),
    ("weaker_cipher_announced", "stripping", _weaker_cipher_announced, "pace_ca", _pace),
    ("other_curve_announced", "stripping", _other_curve_announced, "pace_ca", _pace),
)
CLONES: dict[str, Forgery] = {row[0]: Forgery(*row) for row in _ROWS}
"""Forgeries of the chip's proofs by name."""
