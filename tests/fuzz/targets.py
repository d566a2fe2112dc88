"""Every parser that bytes from outside reach: documents, chips, readers, trust files."""

import hashlib
from datetime import date
from functools import cache, lru_cache
from types import SimpleNamespace

from engine import Target

from drivers.errors import DriverFault
from drivers.passport import tlv
from drivers.passport.chip import bac, pace
from drivers.passport.chip.access_choice import strongest
from drivers.passport.chip.active_authentication import check_signature, parse_dg15
from drivers.passport.chip.agreement import multiply
from drivers.passport.chip.apdu import Emit, Send, parse_response
from drivers.passport.chip.chip_authentication import chip_keys
from drivers.passport.chip.files import FileReader
from drivers.passport.chip.secure_messaging import SecureMessaging
from drivers.passport.chip.security_infos import pace_infos, parse_security_infos
from drivers.passport.errors import DocumentError, TagLost
from drivers.passport.inspection.checks import face_image_check, parse_dg1
from drivers.passport.inspection.crypto_backend import CryptoBackend
from drivers.passport.inspection.evidence import Judge
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.candidates import candidates
from drivers.passport.mrz.zone import parse, parse_text
from drivers.passport.reader.chip_session import ChipSession
from drivers.passport.reader.pn532 import Pn532Link
from drivers.passport.reader.zone_reader import FRAMERS
from drivers.passport.trust import cms
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.files import assemble, parse_file, signer_trust
from drivers.passport.trust.passive_authentication import authenticate_sod
from drivers.passport.trust.revocation import parse_defect_list, parse_revocation_list
from drivers.passport.trust.signatures import parse_public_key, verify
from drivers.passport.trust.sod import parse_sod
from drivers.passport.trust.store import TrustStore
from drivers.ports import Write
from firmware_cfg.profile import ChipReader
from gate_agent.inspect.face_check import face_check
from sim.chip import der
from sim.chip.card import CardState, Chip, card_of, transact
from sim.chip.keys import seeded_random
from sim.chip.pn532 import Pn532Peer
from sim.chip.pn532_frames import ACK_FRAME, encode
from sim.chip.sod import signed_object
from sim.chip.specimens import SPECIMENS, trust_files

AT = date(2026, 11, 22)
MASTER_LIST, DEFECT_LIST = "2.23.136.1.1.2", "0.4.0.127.0.7.3.1.5"
DOCUMENTS = ("bac_ecdsa_p256", "pace_aa_ca", "bac_rsa_2048_pss", "aa_rsa_1024_sha1", "ca_two_keys")
DOCUMENTS += ("bac_ecdsa_brainpoolP224r1_explicit", "all_groups_pace_aa_ca", "td1_long_number")
DOCUMENTS += ("td2_pace", "dg2_39794", "dg2_jpeg2000", "pace_cam_aes128_brainpoolP256r1")
DOCUMENTS += ("pace_im_only", "pace_dh_im_0", "ca_dh_3des")
EMPTY = TrustStore([])
MAX_REMEMBERED = 4_096
MULTIPLY = lru_cache(MAX_REMEMBERED)(multiply)


def files(fid):
    """That file of the documents that have it."""
    found = {SPECIMENS[name].personalisation().files.get(fid) for name in DOCUMENTS}
    return tuple(sorted(found - {None}))


def zones():
    return tuple(SPECIMENS[name].record()["mrz"].encode() for name in DOCUMENTS)


def certificates():
    return tuple(data for name, data in sorted(trust_files().items()) if name.endswith(".der"))


def revocation_lists():
    return tuple(data for name, data in sorted(trust_files().items()) if name.endswith(".crl"))


def signed_list(content, kind):
    country = SPECIMENS["bac_ecdsa_p256"].country
    return signed_object(kind, content, country.signer, country.at)


def master_lists():
    content = der.sequence(der.integer(0), der.set_of(*certificates()[:3]))
    return (signed_list(content, MASTER_LIST),)


def defect_lists():
    certificate = SPECIMENS["bac_ecdsa_p256"].country.signer.certificate
    signer = der.sequence(certificate.issuer, der.integer(certificate.serial))
    known = der.sequence(der.oid("0.4.0.127.0.7.3.1.5.1.1"))
    defect = der.sequence(signer, der.set_of(known))
    sha256 = der.oid("2.16.840.1.101.3.4.2.1")
    return (signed_list(der.sequence(der.integer(0), sha256, der.set_of(defect)), DEFECT_LIST),)


def read_mrz(data):
    text = data.decode("latin-1")
    found = parse_text(text)
    candidates(found.lines if hasattr(found, "lines") else text.split("\n"))


def read_trust_file(data):
    sources = parse_file(data)
    for source in sources:
        signer_trust(source, EMPTY)
    assemble(sources, accept_demo=True)


def read_certificate(data):
    found = parse_certificate(data)
    verify(parse_public_key(found.public_key_info), found.scheme, found.signature, found.tbs)


def read_security_infos(data):
    infos = parse_security_infos(data)
    strongest(pace_infos(infos))
    chip_keys(infos)


def read_dg15(data):
    """A key, and a signature that the same bytes give."""
    check_signature(parse_dg15(data), data[-64:], bytes(8))


def judge(name):
    genuine = SPECIMENS["all_groups_pace_aa_ca"].personalisation()
    kept = {"COM": genuine.files[0x011E], "SOD": genuine.files[0x011D]}
    kept |= {f"DG{fid & 0xFF}": data for fid, data in genuine.files.items() if fid < 0x0111}

    def run(data):
        Judge(trust=EMPTY, at=AT, clock=lambda: 0).verdict({**kept, name: data}, None)

    return run


class OpenCipher:
    """A session without secrets, so that mutations get behind the authentication code."""

    block = 16

    def encrypt(self, plain, _ssc):
        return plain

    decrypt = encrypt

    def mac(self, _data):
        return bytes(8)


def open_response(data):
    SecureMessaging(OpenCipher(), bytes(16)).open(parse_response(data))


def protected_responses():
    inner = tlv.encode(0x87, b"\x01" + b"secret" + b"\x80" + bytes(9))
    status = tlv.encode(0x99, b"\x90\x00")
    mac = tlv.encode(0x8E, bytes(8))
    odd = tlv.encode(0x85, b"\x53\x03abc\x80" + bytes(10))
    return tuple(part + b"\x90\x00" for part in (inner + status + mac, status + mac, odd + mac))


class Remembered:
    """A chip that computes its answer to a command, after the same ones before it, once."""

    def __init__(self, card):
        self._card = card
        self._known = {}

    def transmit(self, held, apdu):
        """The response, and what is held then: the state, and a digest of all commands so far."""
        state, said = held or (CardState(), b"")
        said = hashlib.sha256(said + bytes(apdu)).digest()
        if said not in self._known:
            if len(self._known) == MAX_REMEMBERED:
                self._known.clear()
            state, answer = transact(self._card, state, bytes(apdu), seeded_random(said))
            self._known[said] = answer, (state, said)
        return self._known[said]


def conversation(name, steps_of):
    """Chip protocols against an answer replaced: its number in the first byte of the input."""
    made = SPECIMENS[name].personalisation()
    chip = Remembered(card_of(made))

    def run(data, received=None):
        held = None
        steps, count = steps_of(made), 0
        try:
            op = next(steps)
            while True:
                if isinstance(op, Send):
                    answer, held = chip.transmit(held, op.apdu)
                    if received is not None:
                        received.append(bytes([len(received)]) + answer)
                    elif data and count == data[0]:
                        answer = data[1:]
                    count += 1
                    op = steps.send(answer)
                else:
                    op = steps.throw(TagLost("gone")) if not isinstance(op, Emit) else next(steps)
        except StopIteration:
            return

    received: list[bytes] = []
    run(b"", received)
    return run, tuple(received[:60])


def inspection_of(made):
    return Inspection(
        ticket=1,
        mrz=parse(made.printed.lines),
        trust=EMPTY,
        at=AT,
        random=seeded_random(b"reader"),
        clock=lambda: 0,
        new_handle=lambda: "h",
        extra=(11, 12, 14, 15),
        reader=FileReader(),
        crypto=CryptoBackend(MULTIPLY),
    ).run()


def pace_of(made):
    (info, *_) = pace_infos(parse_security_infos(made.master_files[0x011C]))
    return pace.authenticate(
        info, pace.can_password(made.features.can), seeded_random(b"reader"), MULTIPLY
    )


def bac_of(made):
    reader = FileReader()
    yield from reader.select_application()
    yield from bac.authenticate(made.printed.access_key_text, seeded_random(b"reader"))


def link(data):
    """One command of the PN532 answered by these bytes, in two pieces."""
    line = Pn532Link("chip")
    line.request(b"\x02", 100, 0)
    line.receive(data[: len(data) // 2], 0)
    line.receive(data[len(data) // 2 :], 0)
    for at_ns in (1, 10**9, 2 * 10**9):
        line.expire(at_ns)


def frames():
    answer = encode(bytes.fromhex("D50332010607"))
    return (ACK_FRAME + answer, ACK_FRAME + encode(bytes.fromhex("D503") + bytes(260)))


def reader_session(data):
    """A whole start-up and inspection, whose line from the PN532 these bytes disturb."""
    inspection = SimpleNamespace(run=lambda: inspection_of(small()), reader=FileReader())
    session = ChipSession(inspection, ChipReader(port="chip"), 60_000)
    peer, now_ns, at = Pn532Peer(seeded_random(b"peer")), 0, 0
    peer.put_chip(Chip(card_of(small()), seeded_random(b"chip")), 0)
    session.opened("chip", 0)
    for turn in range(40):
        for output in session.output():
            if isinstance(output, Write):
                peer.receive(output.data, now_ns)
        peer.expire(peer.due_ns or now_ns)
        answer = bytearray(peer.output())
        for _ in range(turn % 2 + 1):
            if at + 2 < len(data) and answer:
                answer[data[at] % len(answer)] ^= data[at + 1]
                at += 2
        now_ns += 50_000_000
        session.receive("chip", bytes(answer), now_ns)
        session.expire(now_ns)
        if session.done:
            return


@cache
def small():
    return SPECIMENS["bac_ecdsa_p256"].personalisation()


def framed(framing):
    def run(data):
        framer = FRAMERS[framing]()
        framer.ask()
        for at in range(0, min(len(data), 4_096), 7):
            framer.receive(data[at : at + 7])
        framer.go_on()

    return run


def framed_seeds():
    first, second = zones()[0].split(b"\n")
    both = first + b"\r" + second + b"\r"
    rte = b"OU\x02" + both + b"\x03"
    return (
        both,
        b"\x1c\x02" + both + b"\x03\x1d",
        b"\x01" + len(rte).to_bytes(2, "big") + rte + b"\x00",
        b"I\x00\x5a" + both,
    )


@cache
def targets():
    """All of them; the seeds are made when they are first asked for."""
    document, driver = (DocumentError,), (DriverFault,)
    whole, whole_seeds = conversation("pace_aa_ca", inspection_of)
    shaking, shaking_seeds = conversation("pace_aa_ca", pace_of)
    basic, basic_seeds = conversation("bac_ecdsa_p256", bac_of)
    dg14 = tuple(data[4 if data[1] & 0x80 else 2 :] for data in files(0x010E))
    rows = [
        ("mrz", read_mrz, document, zones()),
        ("tlv", tlv.read_all, document, files(0x011E) + files(0x0101)),
        ("sod", parse_sod, document, files(0x011D)),
        ("passive", lambda sod: authenticate_sod(sod, EMPTY, AT), (), files(0x011D)),
        (
            "cms",
            lambda data: cms.verify_signed_data(cms.parse_signed_data(data)),
            document,
            tuple(sod[4:] for sod in files(0x011D)),
        ),
        ("certificate", read_certificate, document, certificates()),
        ("trust_file", read_trust_file, document, lists() + certificates()[:2] + text()),
        ("master_list", parse_file, document, master_lists()),
        ("crl", parse_revocation_list, document, revocation_lists()[:4]),
        ("defect_list", parse_defect_list, document, defect_lists()),
        ("dg1", parse_dg1, document, files(0x0101)),
        ("dg2", face_image_check, (), files(0x0102)),
        ("portrait", face_check, (), files(0x0102), 4),
        ("dg15", read_dg15, document, files(0x010F)),
        ("security_infos", read_security_infos, document, dg14),
        ("com", judge("COM"), (), files(0x011E), 8),
        ("dg14", judge("DG14"), (), files(0x010E), 8),
        ("dg11", judge("DG11"), (), files(0x010B), 8),
        ("secure_messaging", open_response, document, protected_responses()),
        ("inspection", whole, (), whole_seeds, 25),
        ("pace", shaking, document, shaking_seeds, 8),
        ("bac", basic, document, basic_seeds),
        ("pn532_frames", link, driver, frames()),
        ("pn532_session", reader_session, driver, (bytes(4), b"\x05\x01\x09\x80"), 4),
    ]
    rows += [(f"line_{name}", framed(name), (), framed_seeds()) for name in FRAMERS]
    return tuple(Target(*row) for row in rows)


def lists():
    return master_lists() + defect_lists() + revocation_lists()[:1]


def text():
    """A certificate as PEM, and as the LDIF of the ICAO PKD."""
    import base64

    encoded = base64.encodebytes(certificates()[0])
    folded = b"\n ".join(encoded.split())
    return (
        b"-----BEGIN CERTIFICATE-----\n" + encoded + b"-----END CERTIFICATE-----\n",
        b"dn: c=UT,dc=data\nuserCertificate;binary:: " + folded + b"\nsn: 1\n",
    )
