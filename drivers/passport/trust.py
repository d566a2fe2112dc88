"""The trust store: CSCA certificates, and who signed a document signer's (Doc 9303-12, 4 and 6).

The store is immutable; a process that imports new certificates builds a new one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from asn1crypto import core, x509

from drivers.passport.certificates import (
    DEMO_MARK_OID,
    Certificate,
    from_asn1,
    parse_certificate,
    parsing,
    split_pem,
)
from drivers.passport.cms import parse_signed_data
from drivers.passport.errors import (
    AlgorithmUnknown,
    CertificateError,
    DemoMaterialRefused,
    DocumentError,
    SodError,
)
from drivers.passport.signatures import parse_public_key, verify

MAX_CERTIFICATES = 20_000
MAX_FILE = 32 * 1024 * 1024
MAX_CANDIDATES = 16
CSCA_MASTER_LIST = "2.23.136.1.1.2"
SUFFIXES = frozenset({".pem", ".der", ".cer", ".crt"})


class TrustStore:
    """Trusted CSCA certificates, found by key identifier or name.

    Args:
        certificates: the anchors; duplicates are dropped.
        accept_demo: whether certificates with the demo mark may be anchors or signers.

    Raises:
        DemoMaterialRefused: a certificate carries the demo mark and that is not accepted.
        CertificateError: more certificates than a store holds.
    """

    def __init__(
        self, certificates: Iterable[Certificate] = (), *, accept_demo: bool = False
    ) -> None:
        self.accept_demo = accept_demo
        self._by_key_id: dict[bytes, list[Certificate]] = defaultdict(list)
        self._by_subject: dict[object, list[Certificate]] = defaultdict(list)
        self._all: dict[bytes, Certificate] = {}
        for certificate in certificates:
            if certificate.demo and not accept_demo:
                raise DemoMaterialRefused(f"certificate {certificate.sha256[:16]} is marked demo")
            if certificate.der in self._all:
                continue
            if len(self._all) >= MAX_CERTIFICATES:
                raise CertificateError(f"more than {MAX_CERTIFICATES} certificates")
            self._all[certificate.der] = certificate
            self._by_subject[certificate.subject].append(certificate)
            if certificate.subject_key_id is not None:
                self._by_key_id[certificate.subject_key_id].append(certificate)

    @classmethod
    def load(cls, paths: Iterable[Path], *, accept_demo: bool = False) -> TrustStore:
        """Read PEM and DER certificates; of a folder, every file named like one.

        Raises:
            OSError: a path cannot be read.
            CertificateError, AlgorithmUnknown: a file does not parse.
            DemoMaterialRefused: as the constructor.
        """
        found = (
            parse_certificate(der)
            for path in paths
            for file in _files(path)
            for der in split_pem(_bytes(file))
        )
        return cls(found, accept_demo=accept_demo)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Certificate]:
        return iter(self._all.values())

    def issuers(self, certificate: Certificate) -> tuple[Certificate, ...]:
        """Anchors that may have signed a certificate: by key identifier, then by name."""
        by_key = self._by_key_id.get(certificate.authority_key_id or b"", ())
        by_name = self._by_subject.get(certificate.issuer, ())
        found = dict.fromkeys((*by_key, *by_name))
        return tuple(found)[:MAX_CANDIDATES]

    def issuer(self, certificate: Certificate) -> Certificate | None:
        """The anchor whose key signed the certificate; None where none may have.

        Raises:
            DocumentError: anchors of that name or key identifier exist, and none signed it.
        """
        failure: DocumentError | None = None
        for anchor in self.issuers(certificate):
            try:
                key = parse_public_key(anchor.public_key_info)
                verify(key, certificate.scheme, certificate.signature, certificate.tbs)
            except DocumentError as error:
                failure = error
            else:
                return anchor
        if failure is not None:
            raise failure
        return None


class _MasterList(core.Sequence):  # type: ignore[misc]
    _fields = [("version", core.Integer), ("certificates", core.SetOf, {"spec": x509.Certificate})]  # noqa: RUF012


def parse_master_list(der: bytes) -> tuple[Certificate, ...]:
    """The certificates of a CSCA master list (Doc 9303-12, 9), its signature not judged.

    Certificates that do not parse are left out. Whether the list may be trusted is its
    signer's matter: `cms.verify_signed_data`, and a chain to an anchor.

    Raises:
        SodError: not a master list.
        AlgorithmUnknown: signed by an algorithm outside Doc 9303-12.
    """
    signed = parse_signed_data(der)
    if signed.content_type != CSCA_MASTER_LIST:
        raise SodError(f"content {signed.content_type} is no master list")
    found: list[Certificate] = []
    with parsing("master list", SodError):
        listed = _MasterList.load(signed.content)["certificates"]
        if len(listed) > MAX_CERTIFICATES:
            raise SodError(f"{len(listed)} certificates")
        for item in listed:
            try:
                with parsing("certificate", CertificateError):
                    found.append(from_asn1(item))
            except (CertificateError, AlgorithmUnknown):
                continue
    return tuple(found)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)


def _bytes(file: Path) -> bytes:
    if file.stat().st_size > MAX_FILE:
        raise CertificateError(f"{file.name}: larger than {MAX_FILE} bytes")
    return file.read_bytes()


__all__ = ["DEMO_MARK_OID", "TrustStore", "parse_master_list"]
