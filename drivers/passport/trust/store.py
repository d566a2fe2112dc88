"""The trust store: CSCA certificates, and who signed a document signer's (Doc 9303-12, 4 and 6).

The store is immutable; a process that imports new certificates builds a new one. What
files it is made of is the matter of `trust_files`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from drivers.passport.errors import CertificateError, DemoMaterialRefused, DocumentError
from drivers.passport.trust.certificates import Certificate, Name
from drivers.passport.trust.revocation import Defect, RevocationList
from drivers.passport.trust.signatures import parse_public_key, verify
from drivers.types import TRUST_OLD_DAYS, Condition

MAX_CERTIFICATES = 20_000
MAX_CANDIDATES = 16


class Issuer(NamedTuple):
    """Whose key signed a certificate, and whether that one is trusted."""

    certificate: Certificate
    trusted: bool


class _Index:
    """Certificates by key identifier and by name."""

    def __init__(self) -> None:
        self.all: dict[bytes, Certificate] = {}
        self._by_key_id: dict[bytes, list[Certificate]] = defaultdict(list)
        self._by_subject: dict[Name, list[Certificate]] = defaultdict(list)

    def add(self, certificate: Certificate) -> None:
        if certificate.der in self.all:
            return
        if len(self.all) >= MAX_CERTIFICATES:
            raise CertificateError(f"more than {MAX_CERTIFICATES} certificates")
        self.all[certificate.der] = certificate
        self._by_subject[certificate.subject].append(certificate)
        if certificate.subject_key_id is not None:
            self._by_key_id[certificate.subject_key_id].append(certificate)

    def issuers(self, certificate: Certificate) -> tuple[Certificate, ...]:
        by_key = self._by_key_id.get(certificate.authority_key_id or b"", ())
        by_name = self._by_subject.get(certificate.issuer, ())
        found = dict.fromkeys((*by_key, *by_name))
        return tuple(issuer for issuer in found if issuer.may_issue)[:MAX_CANDIDATES]

    def named(self, subject: Name) -> tuple[Certificate, ...]:
        return tuple(self._by_subject.get(subject, ()))[:MAX_CANDIDATES]


class TrustStore:
    """Trusted CSCA certificates, found by key identifier or name.

    Args:
        certificates: the anchors; duplicates are dropped.
        accept_demo: whether certificates with the demo mark may be anchors or signers.
        unproven: certificates of lists whose signer is not trusted.
        revocation_lists: CRLs; each counts where the CSCA it is asked about signed it.
        defects: known defects, from lists whose signer is trusted; None without any list.
        newest: the day of the newest list of any kind; None without any list.

    Raises:
        DemoMaterialRefused: a certificate carries the demo mark and that is not accepted.
        CertificateError: more certificates than a store holds.
    """

    def __init__(
        self,
        certificates: Iterable[Certificate] = (),
        *,
        accept_demo: bool = False,
        unproven: Iterable[Certificate] = (),
        revocation_lists: Iterable[RevocationList] = (),
        defects: Iterable[Defect] | None = None,
        newest: date | None = None,
    ) -> None:
        self.accept_demo = accept_demo
        self.newest = newest
        self.revocation_lists = tuple(revocation_lists)
        self.defects = None if defects is None else tuple(defects)
        self._anchors = _Index()
        self._unproven = _Index()
        for certificate in certificates:
            if certificate.demo and not accept_demo:
                raise DemoMaterialRefused(f"certificate {certificate.sha256[:16]} is marked demo")
            self._anchors.add(certificate)
        for certificate in unproven:
            if certificate.der not in self._anchors.all:
                self._unproven.add(certificate)

    def __len__(self) -> int:
        return len(self._anchors.all)

    @property
    def summary(self) -> str:
        """How many are trusted and how new the lists are, in a few words."""
        dated = f", newest list of {self.newest}" if self.newest else ""
        return f"trust anchors: {len(self)}{dated}"

    def conditions(self, at: date | None) -> tuple[Condition, ...]:
        """What inspections with this store lack, whatever document comes, on that day."""
        age = (at - self.newest).days if at and self.newest else 0
        lacks = {
            Condition.CLOCK_UNTRUSTED: at is None,
            Condition.TRUST_EMPTY: not len(self),
            Condition.TRUST_OLD: age > TRUST_OLD_DAYS,
        }
        return tuple(condition for condition, lacking in lacks.items() if lacking)

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self._anchors.all.values())

    def issuers(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Anchors that may have signed a certificate: by key identifier, then by name."""
        return self._anchors.issuers(certificate)

    def named(self, subject: Name) -> tuple[Certificate, ...]:
        """Anchors of this name."""
        return self._anchors.named(subject)

    def issuer(self, certificate: Certificate, at: date | None = None) -> Certificate | None:
        """The anchor whose key signed the certificate; None where none may have.

        Many a CSCA's key has several certificates: one signed by itself, link certificates,
        earlier and later ones. Of these the answer is one that is valid on that day.

        Raises:
            DocumentError: an anchor that must have, by its name or key identifier, did not.
        """
        return _signed(certificate, self._anchors.issuers(certificate), at)

    def find(self, certificate: Certificate, at: date | None = None) -> Issuer | None:
        """Whose key signed the certificate, and whether it is trusted.

        A certificate of an unproven list is trusted after all where an anchor of its state
        certified it: a link certificate (Doc 9303-12, 4.2.1). Of several certificates of that
        key the answer is one that is valid on that day.

        Raises:
            DocumentError: as `issuer`, and no unproven one signed it either.
        """
        failure: DocumentError | None = None
        try:
            anchor = self.issuer(certificate, at)
        except DocumentError as error:
            anchor, failure = None, error
        if anchor is not None:
            return Issuer(anchor, trusted=True)
        candidates = self._unproven.issuers(certificate)
        linked = tuple(filter(self._linked, candidates))
        for trusted, some in ((True, linked), (False, candidates)):
            try:
                found = _signed(certificate, some, at)
            except DocumentError as error:
                failure = failure or error
                continue
            if found is not None:
                return Issuer(found, trusted)
        if failure is not None:
            raise failure
        return None

    def _linked(self, certificate: Certificate) -> bool:
        try:
            anchor = self.issuer(certificate)
        except DocumentError:
            return False
        return anchor is not None and certificate.ca and anchor.country == certificate.country


def _signed(
    certificate: Certificate, issuers: Iterable[Certificate], at: date | None
) -> Certificate | None:
    def merit(issuer: Certificate) -> tuple[bool, bool, bool, date]:
        named = issuer.subject_key_id == certificate.authority_key_id
        valid = at is not None and issuer.not_before <= at <= issuer.not_after
        return named, valid, issuer.self_issued, issuer.not_after

    failure: DocumentError | None = None
    for issuer in sorted(issuers, key=merit, reverse=True):
        try:
            key = parse_public_key(issuer.public_key_info)
            verify(key, certificate.scheme, certificate.signature, certificate.tbs)
        except DocumentError as error:
            if not _another_key(issuer, certificate):
                failure = failure or error
        else:
            return issuer
    if failure is not None:
        raise failure
    return None


def _another_key(issuer: Certificate, certificate: Certificate) -> bool:
    """Whether it was signed by another key of that name: a state's next CSCA keeps the name."""
    own, wanted = issuer.subject_key_id, certificate.authority_key_id
    return own is not None and wanted is not None and own != wanted
