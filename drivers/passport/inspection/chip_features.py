"""Is the chip the one that was issued: active and chip authentication, and stripping.

Both count only under a trusted EF.SOD: a key that anyone may have put on the chip proves
nothing. A chip that hides what its issuer signed for is failed, not unsupported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.passport import tlv
from drivers.passport.chip import active_authentication, chip_authentication
from drivers.passport.chip.apdu import Steps
from drivers.passport.chip.chip_authentication import MAX_KEYS
from drivers.passport.chip.chip_keys import StaticKey, mapping_keys, public_keys
from drivers.passport.chip.chip_mapping import MappingProof
from drivers.passport.chip.files import FileReader
from drivers.passport.chip.security_infos import (
    SecurityInfo,
    announces_pace,
    parse_security_infos,
)
from drivers.passport.errors import (
    AlgorithmUnknown,
    ApduError,
    CardRefused,
    CertificateError,
    SignatureInvalid,
    TlvError,
)
from drivers.passport.file_ids import FILE_TAGS
from drivers.passport.trust.passive_authentication import PassiveAuthentication
from drivers.types import Check, Result

ACTIVE = "active_authentication"
CHIP = "chip_authentication"
FEATURE_FILES = ("DG14", "DG15", "CARDACCESS")
"""What features are judged by; of other files no copy is made that cannot be wiped."""


@dataclass(frozen=True)
class ChipFeatures:
    """What the issuer signed for, and what the chip gave.

    Attributes:
        found: what EF.SOD proved.
        files: content of what was read, by name.
        cut_short: numbers of data groups whose reading was cut short: the chip hides nothing.
        card_access_cut_short: the same for EF.CardAccess.
    """

    found: PassiveAuthentication
    files: Mapping[str, bytes]
    cut_short: frozenset[int] = frozenset()
    card_access_cut_short: bool = False

    @property
    def listed(self) -> frozenset[int]:
        """Data groups with a hash in EF.SOD."""
        listed = self.found.security_object
        return frozenset(listed.hashes) if listed is not None else frozenset()

    def infos(self) -> tuple[SecurityInfo, ...]:
        """DG14's entries; none where it was not given.

        Raises:
            TlvError: DG14 is malformed.
        """
        if "DG14" not in self.files:
            return ()
        return parse_security_infos(tlv.unwrap(bytes(self.files["DG14"]), FILE_TAGS["DG14"]))

    def stripping(self, hidden: frozenset[int], *, card_access_known: bool) -> Check:
        """Whether the chip hides what its issuer signed for (design of Doc 9303-11, 9.2.11).

        Args:
            hidden: data groups listed in EF.SOD that the chip does not give.
            card_access_known: whether EF.CardAccess was asked for.
        """
        if hidden:
            detail = "listed in EF.SOD and not given: " + _names(hidden)
            return Check(id="stripping", result=Result.FAILED, detail=detail)
        if self.found.security_object is None:
            return _undetermined("stripping", "no EF.SOD")
        if {14, 15} & self.cut_short:
            detail = "not read: " + _names({14, 15} & self.cut_short)
            return Check(id="stripping", result=Result.ABORTED, detail=detail)
        if not {14, 15} & self.listed:
            detail = "nothing that could be hidden"
            return Check(id="stripping", result=Result.NOT_SUPPORTED, detail=detail)
        try:
            signed = announces_pace(self.infos())
            access = self.files.get("CARDACCESS")
            given = announces_pace(parse_security_infos(bytes(access))) if access else frozenset()
        except TlvError as error:
            return Check(id="stripping", result=Result.FAILED, detail=str(error))
        if signed and not card_access_known:
            return _undetermined("stripping", "EF.CardAccess was not given")
        if signed and self.card_access_cut_short:
            detail = "EF.CardAccess was not read"
            return Check(id="stripping", result=Result.ABORTED, detail=detail)
        if signed and signed != given:
            detail = "EF.CardAccess does not offer the PACE that DG14 is signed for"
            return Check(id="stripping", result=Result.FAILED, detail=detail)
        if 14 in self.listed and "DG14" not in self.files:
            return _undetermined("stripping", "DG14 was not given")
        return Check(
            id="stripping", result=Result.SUCCESSFUL, detail=_names({14, 15} & self.listed)
        )

    def active(self, reader: FileReader, challenge: bytes) -> Steps[Check]:
        """Active authentication with the chip.

        Raises:
            SessionDead, TagLost: the chip or its session was lost on the way.
        """
        absent = self._absent(ACTIVE, 15)
        if absent is not None:
            return absent
        try:
            key = active_authentication.parse_dg15(bytes(self.files["DG15"]))
            signature = yield from active_authentication.internal_authenticate(
                reader, key, challenge
            )
            scheme = active_authentication.check_signature(key, signature, challenge)
        except AlgorithmUnknown as error:
            return Check(id=ACTIVE, result=Result.NOT_SUPPORTED, detail=str(error))
        except ApduError as error:
            return Check(id=ACTIVE, result=Result.ABORTED, detail=str(error))
        except (SignatureInvalid, CardRefused, CertificateError, TlvError) as error:
            return Check(id=ACTIVE, result=Result.FAILED, detail=str(error))
        return self._proven(ACTIVE, 15, scheme)

    def chip(self, reader: FileReader, random: Callable[[int], bytes]) -> Steps[Check]:
        """Chip authentication; secure messaging goes on under its keys, or is lost.

        Raises:
            SessionDead: the chip does not know the key, or a line was hit.
            TagLost: the chip was lost on the way.
        """
        absent = self._absent(CHIP, 14)
        if absent is not None:
            return absent
        try:
            infos = self.infos()
            if not chip_authentication.offered(infos):
                detail = "DG14 offers none"
                return Check(id=CHIP, result=Result.NOT_SUPPORTED, detail=detail)
            keys = chip_authentication.chip_keys(infos)
            if not keys:
                return Check(id=CHIP, result=Result.FAILED, detail="DG14 offers no key for it")
            chosen = yield from chip_authentication.authenticate(reader, keys, random)
        except AlgorithmUnknown as error:
            return Check(id=CHIP, result=Result.NOT_SUPPORTED, detail=str(error))
        except ApduError as error:
            return Check(id=CHIP, result=Result.ABORTED, detail=str(error))
        except (CardRefused, CertificateError, TlvError) as error:
            return Check(id=CHIP, result=Result.FAILED, detail=str(error))
        return self._proven(CHIP, 14, str(chosen))

    def chip_mapping(self, proof: MappingProof | None) -> Check | None:
        """Chip authentication by what PACE with chip authentication mapping gave.

        Returns:
            None where it was not done, or DG14 has no key that it is for: the chip may still
            prove another by chip authentication.
        """
        if proof is None:
            return None
        absent = self._absent(CHIP, 14)
        if absent is not None:
            return absent
        try:
            keys, _ = public_keys(self.infos())
            fitting = mapping_keys(keys, proof.info.group or 0)
            if not fitting:
                return None
            _verify(proof, fitting)
        except (SignatureInvalid, CertificateError, TlvError) as error:
            return Check(id=CHIP, result=Result.FAILED, detail=str(error))
        detail = f"PACE {proof.info.mapping} {proof.info.cipher} {proof.curve}"
        return self._proven(CHIP, 14, detail)

    def _absent(self, name: str, number: int) -> Check | None:
        if self.found.security_object is None:
            return _undetermined(name, "no EF.SOD")
        if number not in self.listed:
            detail = f"EF.SOD lists no DG{number}"
            return Check(id=name, result=Result.NOT_SUPPORTED, detail=detail)
        if number in self.cut_short:
            return Check(id=name, result=Result.ABORTED, detail=f"DG{number} was not read")
        if f"DG{number}" not in self.files:
            return Check(id=name, result=Result.FAILED, detail=f"DG{number} is not given")
        return None

    def _proven(self, name: str, number: int, detail: str) -> Check:
        hashed = self.found.hash_check(number, self.files[f"DG{number}"]).result
        if hashed is not Result.SUCCESSFUL:
            return Check(id=name, result=Result.FAILED, detail=f"DG{number} is not the issuer's")
        if not self.found.trusted:
            return _undetermined(name, f"{detail}; the key's issuer is not proven")
        return Check(id=name, result=Result.SUCCESSFUL, detail=detail)


def stored_checks(features: ChipFeatures) -> tuple[Check, ...]:
    """The same for stored files: a chip is needed for both authentications."""
    checks = []
    for name, number in ((ACTIVE, 15), (CHIP, 14)):
        if number not in features.listed and features.found.security_object is not None:
            absent = f"EF.SOD lists no DG{number}"
            checks.append(Check(id=name, result=Result.NOT_SUPPORTED, detail=absent))
        else:
            checks.append(_undetermined(name, "needs the chip"))
    # Files that were not given are no evidence that the chip hides them.
    known = "CARDACCESS" in features.files
    return (*checks, features.stripping(frozenset(), card_access_known=known))


def _verify(proof: MappingProof, keys: tuple[StaticKey, ...]) -> None:
    """Check a proof against the keys that it may be of.

    Raises:
        SignatureInvalid: it is of none of them.
    """
    wrong = SignatureInvalid("no key")
    for key in keys[:MAX_KEYS]:
        try:
            proof.verify(key.public)
        except SignatureInvalid as error:
            wrong = error
        else:
            return
    raise wrong


def _undetermined(name: str, detail: str) -> Check:
    return Check(id=name, result=Result.UNDETERMINED, detail=detail)


def _names(numbers: frozenset[int] | set[int]) -> str:
    return ", ".join(f"DG{number}" for number in sorted(numbers))
