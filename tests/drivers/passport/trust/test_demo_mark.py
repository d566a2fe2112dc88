"""Demo marks: each alone keeps a certificate out of a store in service, and no other name does."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from drivers.passport.errors import DemoMaterialRefused
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.demo_mark import DEMO_MARK_OID, FORMER_DEMO_MARK_OID
from drivers.passport.trust.store import TrustStore

KEY = ec.derive_private_key(77, ec.SECP256R1())
AT = datetime(2026, 3, 1, tzinfo=UTC)


def certificate(common_name, issuer="Utopia CSCA", mark=None, critical=False):
    def name(text):
        return x509.Name(
            [
                x509.NameAttribute(x509.NameOID.COUNTRY_NAME, "UT"),
                x509.NameAttribute(x509.NameOID.COMMON_NAME, text),
            ]
        )

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(issuer))
        .public_key(KEY.public_key())
        .serial_number(4711)
        .not_valid_before(AT)
        .not_valid_after(AT + timedelta(days=900))
    )
    if mark is not None:
        extension = x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), b"\x0c\x04DEMO")
        builder = builder.add_extension(extension, critical=critical)
    return parse_certificate(builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER))


@pytest.mark.parametrize(
    "marked",
    [
        {"common_name": "Utopia CSCA", "mark": DEMO_MARK_OID},
        {"common_name": "Utopia CSCA", "mark": DEMO_MARK_OID, "critical": True},
        {"common_name": "Utopia CSCA", "mark": FORMER_DEMO_MARK_OID, "critical": True},
        {"common_name": "DEMO CSCA 3"},
        {"common_name": "Demo-Signer"},
        {"common_name": "DEMO_CSCA"},
        {"common_name": "demo"},
        {"common_name": "DEMO2"},
        {"common_name": "Signer 17", "issuer": "DEMO CSCA"},
    ],
)
def test_either_mark_alone_keeps_a_certificate_out_of_a_store_in_service(marked):
    found = certificate(**marked)
    assert found.demo
    with pytest.raises(DemoMaterialRefused):
        TrustStore([found])
    assert len(TrustStore([found], accept_demo=True)) == 1


@pytest.mark.parametrize(
    "common_name", ["Democratic Republic of Utopia CSCA", "CSCA Demo", "Demography 1"]
)
def test_a_name_that_does_not_begin_with_the_word_is_no_mark(common_name):
    found = certificate(common_name)
    assert not found.demo
    assert len(TrustStore([found])) == 1
