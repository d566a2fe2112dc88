"""EF.SOD and master lists as OpenSSL makes them: another hand's CMS, for our reader to judge."""

import shutil
import subprocess

import pytest

from drivers.passport import tlv
from drivers.passport.trust.files import Kind, assemble, parse_file
from drivers.passport.trust.passive_authentication import authenticate_sod, com_sod_check
from drivers.types import Result
from sim.chip import der
from sim.chip.personalise import common_data
from sim.chip.sod import lds_security_object

pytestmark = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="needs Debian's package openssl"
)
CONFIG = """
[req]
distinguished_name = dn
prompt = no
[dn]
C = UT
CN = CSCA
[csca]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
[ds]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[list]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
extendedKeyUsage = critical,2.23.136.1.1.3
[ca]
default_ca = crl
[crl]
database = index.txt
crlnumber = crlnumber
default_md = sha256
"""
GROUPS = {1: b"\x61\x00", 2: b"\x75\x00"}
SECURITY_OBJECT, MASTER_LIST = "2.23.136.1.1.1", "2.23.136.1.1.2"


class Authority:
    """A CSCA and its signers, made by OpenSSL in a folder."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder = folder
        (folder / "config").write_text(CONFIG)
        self("ecparam -name prime256v1 -genkey -noout -out csca.key")
        made = "-config config -extensions csca -days 900 -sha256 -out csca.pem"
        self(f"req -x509 -new -key csca.key {made}")
        self.csca = parse_file((folder / "csca.pem").read_bytes())

    def __call__(self, command):
        subprocess.run(
            ["openssl", *command.split()], cwd=self.folder, check=True, capture_output=True
        )

    def signer(self, name, key, extensions="ds"):
        if (self.folder / f"{name}.pem").exists():
            return
        self(f"{key} -out {name}.key")
        self(f"req -new -key {name}.key -subj /C=UT/CN={name} -out {name}.csr")
        issued = f"-CA csca.pem -CAkey csca.key -CAcreateserial -days 900 -extensions {extensions}"
        self(f"x509 -req -in {name}.csr {issued} -extfile config -out {name}.pem")

    def sign(self, content, kind, options):
        (self.folder / "content").write_bytes(content)
        shape = f"-binary -nodetach -nosmimecap -econtent_type {kind} -outform DER"
        self(f"cms -sign {shape} -in content -out signed {options}")
        return (self.folder / "signed").read_bytes()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = Authority(tmp_path_factory.mktemp("openssl"))
    made.signer("rsa", "genrsa")
    made.signer("p224", "ecparam -name secp224r1 -genkey -noout")
    made.signer("bp320", "ecparam -name brainpoolP320r1 -genkey -noout -param_enc explicit")
    made.signer("lister", "ecparam -name prime256v1 -genkey -noout", "list")
    return made


def by(*names):
    return " ".join(f"-signer {name}.pem -inkey {name}.key" for name in names)


PSS = "-keyopt rsa_padding_mode:pss"


@pytest.mark.parametrize(
    ("hash_name", "version", "options", "detail"),
    [
        ("sha1", "0107", f"{by('rsa')} -md sha1", "rsa sha1"),
        ("sha224", "0107", f"{by('rsa')} -md sha224", "rsa sha224"),
        ("sha256", "0108", f"{by('rsa')} -md sha256 {PSS}", "rsa_pss sha256"),
        ("sha512", "0108", f"{by('rsa')} -md sha512 {PSS} -keyopt rsa_pss_saltlen:0", "rsa_pss"),
        ("sha256", "0108", f"{by('rsa')} -md sha256 {PSS} -keyopt rsa_mgf1_md:sha1", "rsa_pss"),
        ("sha224", "0107", f"{by('p224')} -md sha224", "ecdsa sha224"),
        ("sha384", "0108", f"{by('bp320')} -md sha384", "ecdsa sha384"),
        ("sha1", "0107", f"{by('bp320')} -md sha512", "ecdsa sha512"),
        ("sha256", "0108", f"{by('rsa')} -md sha256 -keyid", "rsa sha256"),
        ("sha256", "0108", f"{by('rsa', 'bp320')} -md sha256", "sha256"),
        ("sha256", "0108", f"{by('rsa')} -md sha256 -certfile csca.pem", "rsa sha256"),
        ("sha256", "0108", f"{by('rsa')} -md sha256 -stream", "rsa sha256"),
    ],
)
def test_security_objects_of_openssl(authority, hash_name, version, options, detail):
    hashes = {number: der.digest(hash_name, content) for number, content in GROUPS.items()}
    content = lds_security_object(hashes, hash_name, version)
    sod = tlv.encode(0x77, authority.sign(content, SECURITY_OBJECT, options))
    found = authenticate_sod(sod, assemble(authority.csca), None)
    checks = {check.id: check for check in found.checks}
    assert checks["sod_signature"].result is Result.SUCCESSFUL
    assert detail in checks["sod_signature"].detail
    assert checks["ds_chain"].result is Result.SUCCESSFUL
    for number, group in GROUPS.items():
        assert found.hash_check(number, group).result is Result.SUCCESSFUL
    check = com_sod_check(common_data(GROUPS, version), found.security_object)
    assert check.result is Result.SUCCESSFUL


def test_openssl_signs_the_content_itself_without_attributes(authority):
    hashes = {number: der.digest("sha256", content) for number, content in GROUPS.items()}
    content = lds_security_object(hashes, "sha256")
    options = f"{by('rsa')} -md sha256 -noattr"
    sod = tlv.encode(0x77, authority.sign(content, SECURITY_OBJECT, options))
    checks = {c.id: c for c in authenticate_sod(sod, assemble(authority.csca), None).checks}
    assert checks["sod_signature"].result is Result.SUCCESSFUL
    assert checks["sod_conformance"].codes == ("no_signed_attributes",)


@pytest.mark.parametrize(
    ("options", "result"),
    [
        (f"{by('rsa')} -md sha256 -nocerts", Result.FAILED),
        (f"{by('rsa')} -md sha3-256", Result.UNDETERMINED),
    ],
)
def test_security_objects_outside_the_standard(authority, options, result):
    hashes = {number: der.digest("sha256", content) for number, content in GROUPS.items()}
    content = lds_security_object(hashes, "sha256")
    sod = tlv.encode(0x77, authority.sign(content, SECURITY_OBJECT, options))
    found = authenticate_sod(sod, assemble(authority.csca), None)
    assert found.checks[0].result is result
    assert not found.trusted


@pytest.mark.parametrize(
    ("options", "beside", "trusted"),
    [
        (f"{by('lister')} -certfile csca.pem", True, True),
        (f"{by('lister', 'rsa')} -certfile csca.pem", True, True),
        (f"{by('lister')} -stream", True, True),
        (f"{by('lister')} -certfile csca.pem", False, False),
        (f"{by('rsa')} -certfile csca.pem", True, False),
    ],
)
def test_master_lists_of_openssl(authority, options, beside, trusted):
    """One counts where its signer is a list signer's under a certificate given beside it."""
    other = Authority(authority.folder / "other") if trusted else None
    listed = other.csca if other else authority.csca
    content = der.sequence(der.integer(0), der.set_of(listed[0].der))
    (found,) = parse_file(authority.sign(content, MASTER_LIST, f"{options} -md sha256"))
    assert found.kind is Kind.MASTER_LIST
    store = assemble([found, *(authority.csca if beside else ())])
    assert (listed[0].der in [item.der for item in store]) is (trusted or beside)
    assert len(store) == trusted + beside


def test_revocation_lists_of_openssl_in_pem(authority):
    folder = authority.folder
    (folder / "index.txt").write_bytes(b"")
    (folder / "crlnumber").write_text("01")
    common = "-config config -keyfile csca.key -cert csca.pem"
    authority(f"ca {common} -gencrl -crldays 9 -out good.crl")
    authority(f"ca {common} -revoke rsa.pem")
    authority(f"ca {common} -gencrl -crldays 9 -out bad.crl")
    hashes = {number: der.digest("sha256", content) for number, content in GROUPS.items()}
    content = lds_security_object(hashes, "sha256")
    sod = tlv.encode(0x77, authority.sign(content, SECURITY_OBJECT, f"{by('rsa')} -md sha256"))
    found = {}
    for name in ("good", "bad"):
        crl = parse_file((folder / f"{name}.crl").read_bytes())
        (on,) = {source.issued for source in crl}
        checks = authenticate_sod(sod, assemble([*authority.csca, *crl]), on).checks
        found[name] = next(check.result for check in checks if check.id == "ds_revocation")
    assert found == {"good": Result.SUCCESSFUL, "bad": Result.FAILED}
