"""Debian's mosquitto as a site would run it: TLS, client certificates, rights, no persistence."""

from __future__ import annotations

import datetime
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from record_support import (
    CENTRE_KEYS,
    DEADLINE_NS,
    QUICK,
    UTC,
    Bench,
    fill,
    free_ports,
    now_ns,
    seeded,
)

from gate_agent.cli import main
from sync.centre.store import CentreStore
from sync.gate.run import SHORT_LIVES_TO_SUSPECT
from sync.log.enrolment import issue_token
from sync.log.errors import KeyRefused, LinkDown
from sync.log.keys import read_public_key, write_centre_keys
from sync.log.mqtt import MqttLink, Tls
from sync.log.types import RecordKind

pytestmark = pytest.mark.live

UNCLOSED = pytest.mark.filterwarnings(
    # paho leaves a socket whose handshake failed to the garbage collector
    "ignore:Exception ignored in. <ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning",
)
NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
RIGHTS = """\
pattern write egate/records/%u
pattern write egate/live/%u
pattern read egate/receipt/%u
pattern write egate/enrol/%u
pattern read egate/enrolled/%u
user centre
topic read egate/records/+
topic read egate/live/+
topic read egate/enrol/+
topic write egate/receipt/+
topic write egate/enrolled/+
user listener
topic read #
"""


def program(name: str, package: str) -> str:
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        message = f"needs Debian's package {package}"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    return path


class Authority:
    """A certification authority of a site, which writes what it issues into a folder."""

    def __init__(self, folder: Path, name: str = "site") -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{name} authority")])
        self.ca = folder / f"{name}-ca.pem"
        self.crl = folder / f"{name}.crl"
        basic = x509.BasicConstraints(ca=True, path_length=0)
        own = self._builder(self.name, self.key, 30 * DAY).add_extension(basic, critical=True)
        self.ca.write_bytes(
            own.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        )
        self.revoke([])

    def issue(self, name: str, *, lasts: datetime.timedelta = DAY, host: str = "") -> Tls:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = ExtendedKeyUsageOID.SERVER_AUTH if host else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = self._builder(subject, key, lasts)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if host:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        at = self.folder / f"{name}-{certificate.serial_number:x}"
        tls = Tls(self.ca, at.with_suffix(".crt"), at.with_suffix(".key"))
        tls.cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        tls.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        tls.key.chmod(0o400)
        return tls

    def revoke(self, certificates: list[Tls]) -> None:
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(NOW - DAY).next_update(NOW + DAY)
        for tls in certificates:
            serial = x509.load_pem_x509_certificate(tls.cert.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW).build())
        crl = builder.sign(self.key, hashes.SHA256())
        self.crl.write_bytes(crl.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, lasts: datetime.timedelta
    ) -> x509.CertificateBuilder:
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(NOW - 10 * DAY).not_valid_after(NOW + lasts)


class Mosquitto:
    """One broker: certificates for all clients, rights by the certificate's name."""

    def __init__(self, folder: Path, site: Authority, extra: str = "") -> None:
        self.program = program("mosquitto", "mosquitto")
        self.port = free_ports(1)[0]
        self.folder = folder
        self.site = site
        self.rights = folder / "rights"
        self.set_rights(RIGHTS)
        server = site.issue("broker", host="localhost")
        self.config = folder / "mosquitto.conf"
        self.config.write_text(
            f"user root\nlistener {self.port} 127.0.0.1\ncafile {site.ca}\ncrlfile {site.crl}\n"
            f"certfile {server.cert}\nkeyfile {server.key}\nrequire_certificate true\n"
            f"use_identity_as_username true\nallow_anonymous false\nacl_file {self.rights}\n"
            f"persistence false\nlog_dest none\n{extra}"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def set_rights(self, text: str) -> None:
        self.rights.write_text(text)
        self.rights.chmod(0o600)

    def start(self) -> None:
        self.process = subprocess.Popen(
            [self.program, "-c", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = now_ns() + DEADLINE_NS
        while now_ns() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self.process.poll() is None, "mosquitto does not start"
        raise AssertionError("mosquitto does not listen")

    def restart(self) -> None:
        """With other rights or revocations: nothing else is kept."""
        self.kill()
        self.start()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture
def site(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def broker(tmp_path: Path, site: Authority) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path, site)
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def make(tmp_path: Path, broker: Mosquitto, site: Authority) -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def bench(protocol: str = "5", tls: Tls | None = None) -> Bench:
        limits = msgspec.structs.replace(
            QUICK, host="localhost", port=broker.port, protocol=protocol
        )
        made.append(Bench(tmp_path, limits, tls or site.issue("gate-1"), site.issue("centre")))
        return made[-1]

    yield bench
    for each in made:
        each.close()


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_records_arrive_through_a_restart_without_persistence(
    make: Callable[..., Bench], broker: Mosquitto, protocol: str
) -> None:
    bench = make(protocol)
    fill(bench.journal, 300)
    bench.until(bench.settled)
    for _ in range(2):
        fill(bench.journal, 200)
        bench.turn()
        broker.kill()
        fill(bench.journal, 50)
        bench.until(lambda: bench.links[-1] is False)
        broker.start()
        bench.until(bench.settled)
    assert bench.compare() == (0, 0)
    assert bench.store.count() == 800
    assert bench.store.audit() == []
    assert bench.store.quarantine.messages() == []


def test_a_foreign_client_reads_no_personal_field(
    make: Callable[..., Bench], broker: Mosquitto, site: Authority, tmp_path: Path
) -> None:
    """mosquitto_sub, with the right to read everything, writes down all it receives."""
    listener = site.issue("listener")
    received = tmp_path / "received"
    command = [program("mosquitto_sub", "mosquitto-clients"), "-h", "localhost"]
    command += ["-p", str(broker.port), "--cafile", str(site.ca), "--cert", str(listener.cert)]
    command += ["--key", str(listener.key), "-t", "#", "-q", "1", "-V", "5", "-F", "%t %p"]
    person = {"surname": "ZZYZX", "given_names": "QWYJIBO", "document_number": "X7Y8Z9W"}
    facts = {"outcome": "refer", "attributes": {"nationality": "UTO", "age": 47}}
    bench = make()
    with received.open("wb") as file:
        foreign = subprocess.Popen([*command, "-C", "8"], stdout=file)

    def has_heard_enough() -> bool:
        if bench.settled():
            bench.journal.append(RecordKind.DECISION, 1, 0, UTC, facts, person)
        return foreign.poll() is not None

    try:
        bench.until(has_heard_enough)
    finally:
        foreign.kill()
        foreign.wait()
    wire = received.read_bytes()
    assert b"egate/records/gate-1" in wire
    assert b"egate/receipt/gate-1" in wire
    assert b"first_seq" in wire  # the bodies were written down, not only their headers
    secrets = [*person.values(), *person, "UTO", "nationality", "outcome", "refer"]
    assert [word for word in secrets if word.encode() in wire] == []


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_denied_publish_drops_nothing_and_is_reported(
    make: Callable[..., Bench], broker: Mosquitto, protocol: str
) -> None:
    """MQTT 5 says so (0x87); with 3.1.1 the broker drops the message without a word."""
    broker.set_rights(RIGHTS.replace("pattern write egate/records/%u\n", ""))
    broker.restart()
    bench = make(protocol)
    fill(bench.journal, 60)
    words = "0x87" if protocol == "5" else "no receipt comes"
    assert bench.sync is not None
    bench.until(lambda: words in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.store.count() == 0
    assert bench.journal.receipt_seq == 0
    broker.set_rights(RIGHTS)
    broker.restart()
    bench.until(bench.settled)
    assert bench.sync.status(now_ns()).alarm == ""
    assert bench.compare() == (0, 0)
    assert bench.store.quarantine.messages() == []


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_denied_subscription_is_reported(
    make: Callable[..., Bench], broker: Mosquitto, protocol: str
) -> None:
    """mosquitto 2.0.11 grants it and delivers nothing: the missing receipts show it."""
    broker.set_rights(RIGHTS.replace("pattern read egate/receipt/%u\n", ""))
    broker.restart()
    bench = make(protocol)
    fill(bench.journal, 60)
    assert bench.sync is not None
    bench.until(lambda: "no receipt comes" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.store.count() > 0
    assert bench.journal.receipt_seq == 0
    broker.set_rights(RIGHTS)
    broker.restart()
    bench.until(bench.settled)
    assert bench.compare() == (0, 0)


def test_a_gate_cannot_speak_for_another(make: Callable[..., Bench], site: Authority) -> None:
    """Its certificate names gate-2, its records gate-1: the broker denies the topic."""
    bench = make(tls=site.issue("gate-2"))
    fill(bench.journal, 5)
    bench.until(lambda: "0x87" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.store.count() == 0


def expired(site: Authority) -> Tls:
    return site.issue("gate-1", lasts=-DAY)


def revoked(site: Authority) -> Tls:
    tls = site.issue("gate-1")
    site.revoke([tls])
    return tls


def foreign(site: Authority) -> Tls:
    """Another authority's certificate for our name."""
    return Authority(site.folder, "other").issue("gate-1")._replace(ca=site.ca)


@pytest.mark.parametrize("bad", [expired, revoked, foreign])
def test_a_bad_client_certificate_is_reported_and_nothing_is_lost(
    make: Callable[..., Bench],
    broker: Mosquitto,
    site: Authority,
    bad: Callable[[Authority], Tls],
) -> None:
    tls = bad(site)
    broker.restart()  # a list of revocations is read at the start
    bench = make(tls=tls)
    fill(bench.journal, 30)
    bench.until(lambda: "certificate" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.links == [] or bench.links[-1] is False
    assert bench.store.count() == 0
    assert bench.sync is not None
    bench.sync.close()
    bench.tls = site.issue("gate-1")
    bench.sync = bench.new_sync()
    bench.until(bench.settled)
    assert bench.compare() == (0, 0)


def test_a_certificate_revoked_while_connected_counts_from_the_next_connection(
    make: Callable[..., Bench], broker: Mosquitto, site: Authority
) -> None:
    tls = site.issue("gate-1")
    bench = make(tls=tls)
    fill(bench.journal, 30)
    bench.until(bench.settled)
    site.revoke([tls])
    broker.restart()
    fill(bench.journal, 30)
    bench.until(lambda: "certificate" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.journal.receipt_seq == 30


@UNCLOSED
def test_a_broker_of_another_name_or_authority_is_not_spoken_to(
    make: Callable[..., Bench], site: Authority
) -> None:
    tls = site.issue("gate-1")
    bench = make(tls=tls._replace(ca=Authority(site.folder, "other").ca))
    fill(bench.journal, 5)
    bench.until(lambda: "TLS" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.sync is not None
    bench.sync.close()
    bench.tls = tls
    bench.limits = msgspec.structs.replace(bench.limits, host="127.0.0.1")
    bench.sync = bench.new_sync()
    bench.until(lambda: "TLS" in bench.sync.status(now_ns()).alarm)  # type: ignore[union-attr]
    assert bench.links == []
    assert bench.store.count() == 0


def test_two_clients_of_one_name_stop_fighting(make: Callable[..., Bench]) -> None:
    """mosquitto 2.0.11 does not say 0x8E to the one that it drops: the pattern shows it."""
    bench = make()
    twin = bench.new_sync()

    def suspicious() -> bool:
        twin.turn(now_ns())
        assert bench.sync is not None
        alarms = [each.status(now_ns()).alarm for each in (bench.sync, twin)]
        return any("another client" in alarm for alarm in alarms)

    bench.until(suspicious)
    assert len(bench.links) <= 2 * 2 * (SHORT_LIVES_TO_SUSPECT + 1)
    twin.close()


def test_batches_shrink_to_what_the_broker_takes(tmp_path: Path, site: Authority) -> None:
    broker = Mosquitto(tmp_path, site, "message_size_limit 9000\n")
    broker.start()
    limits = msgspec.structs.replace(QUICK, host="localhost", port=broker.port)
    bench = Bench(tmp_path, limits, site.issue("gate-1"), site.issue("centre"))
    try:
        fill(bench.journal, 1000)
        bench.until(bench.settled)
        assert bench.compare() == (0, 0)
    finally:
        bench.close()
        broker.kill()


def egate(*words: object) -> list[str]:
    return [sys.executable, "-m", "gate_agent.cli", *map(str, words)]


def tls_options(tls: Tls) -> list[object]:
    return ["--ca", tls.ca, "--cert", tls.cert, "--key", tls.key]


def enrol(tmp_path: Path, token: str, *options: object) -> subprocess.CompletedProcess[str]:
    keys = tmp_path / "keys"
    keys.mkdir(exist_ok=True)
    command = egate("enrol", "--keys", keys, "--token-file", "-", *options)
    return subprocess.run(command, input=token, capture_output=True, text=True, check=False)


def test_a_gate_enrols_itself_with_its_certificate(
    broker: Mosquitto, site: Authority, tmp_path: Path
) -> None:
    """The commands, as an installation runs them: a certificate each, rights by its name."""
    state = tmp_path / "centre"
    state.mkdir(0o700)
    write_centre_keys(state, CENTRE_KEYS)
    gate, stranger = site.issue("gate-1"), site.issue("gate-2")
    at = ["--host", "localhost", "--port", broker.port]
    expires = (NOW + DAY).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    token = issue_token(CENTRE_KEYS, "gate-1", expires, seeded(1))
    centre = egate("centre", "run", "--state", state, *at, *tls_options(site.issue("centre")))
    with subprocess.Popen(centre) as running:
        try:
            done = enrol(tmp_path, token, *at, *tls_options(gate))
            assert (done.returncode, done.stderr) == (0, "")
            denied = enrol(tmp_path, token, *at, *tls_options(stranger), "--wait-s", 2)
            assert (denied.returncode, "does not accept us" in denied.stderr) == (1, True)
        finally:
            running.terminate()
    assert running.returncode == 0
    with closing(CentreStore(state / "centre.db")) as store:
        assert store.key_of("gate-1") == read_public_key(tmp_path / "keys" / "gate.pub")


@pytest.mark.parametrize("files", [[], ["--ca", "x"], ["--ca", "x", "--cert", "x"]])
def test_no_command_goes_beyond_this_machine_without_tls(
    tmp_path: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    commands = (
        ["centre", "run", "--state", str(tmp_path)],
        ["enrol", "--keys", str(tmp_path), "--token-file", "/dev/null"],
    )
    for command in commands:
        with pytest.raises(SystemExit, match="2"):
            main([*command, "--host", "broker.example.org", *files])
        assert "--key missing" in capsys.readouterr().err


def test_key_files_that_others_may_read_are_refused(site: Authority) -> None:
    tls = site.issue("gate-1")
    tls.key.chmod(0o440)
    with pytest.raises(KeyRefused, match="read by others"):
        link(tls)
    tls.key.chmod(0o400)
    link(tls)
    with pytest.raises(KeyRefused, match="no certificates"):
        link(tls._replace(cert=site.issue("gate-2").cert))
    with pytest.raises(KeyRefused, match="no certificates"):
        link(tls._replace(ca=tls.ca.with_name("nowhere.pem")))


def link(tls: Tls) -> MqttLink:
    return MqttLink(
        host="localhost", port=1, client_id="x", protocol="5", subscriptions=(), tls=tls
    )


@UNCLOSED
def test_no_wait_for_a_broker_that_never_shakes_hands(site: Authority) -> None:
    """The handshake has a limit: a server that accepts and then says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tls = site.issue("gate-1")
        mute = MqttLink(
            host="localhost",
            port=silent.getsockname()[1],
            client_id="x",
            protocol="5",
            subscriptions=(),
            tls=tls,
        )
        with pytest.raises(LinkDown):
            mute.connect()
        mute.close()
