"""A passport reader on virtual wires: the device on one side, a simulated PN532 on the other."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

from drivers.errors import DriverFault
from drivers.passport.reader.passport_reader import PassportReader
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.store import TrustStore
from drivers.ports import SetBaud
from drivers.types import CHECK_IDS, DocumentVerified, ReadDocument
from firmware_cfg.profile import ChipReader, MrzReader
from sim.chip.card import Behaviour, Chip, card_of
from sim.chip.keys import Algorithm, KeySource, seeded_random
from sim.chip.mrz import Holder
from sim.chip.personalise import personalise
from sim.chip.pki import found_country
from sim.chip.pn532 import Pn532Peer
from sim.chip.portrait import placeholder_portrait

MS = 1_000_000
CHARACTER_BITS = 10  # 8N1
ISSUED = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HOLDER = Holder(
    surname="ERIKSSON",
    given_names="ANNA MARIA",
    number="L898902C3",
    birth_date=date(1974, 8, 12),
    sex="F",
    expiry=date(2032, 4, 15),
    optional="ZE184226B",
)


def country(algorithm=Algorithm.ECDSA_P256):
    """A simulated state; seeded, where the algorithm's keys can be."""
    random = seeded_random(b"reader bench")
    rsa = algorithm in (Algorithm.RSA_PKCS1, Algorithm.RSA_PSS)
    keys = KeySource.live(random) if rsa else KeySource.seeded(b"reader bench")
    return found_country(keys, ISSUED, algorithm=algorithm)


def passport(**changes):
    """A genuine passport of that state."""
    return personalise(replace(HOLDER, **changes), placeholder_portrait(), country())


def identity(data: bytes) -> bytes:
    return data


class Bench:
    """Carries bytes and time between the reader and its peer; keeps what happened.

    `from_reader` and `from_peer` may damage what they carry; bytes that the other end receives
    at another speed, or that the line is too bad for (`line_baud_max`), are garbage.
    """

    def __init__(
        self,
        trust: TrustStore,
        at: date | None,
        from_reader: Callable[[bytes], bytes] = identity,
        from_peer: Callable[[bytes], bytes] = identity,
        framing: str = "cr",
        line_baud_max: int = 1_288_000,
        **chip_reader,
    ) -> None:
        self.now_ns = 0
        self.events = []
        self.payloads = {}
        self.faults = []
        self.peer = Pn532Peer(seeded_random(b"peer"))
        self.peer_silent = False
        self.from_reader, self.from_peer = from_reader, from_peer
        self.reader = PassportReader(
            MrzReader(port="mrz", framing=framing),
            ChipReader(port="chip", **chip_reader),
            trust=trust,
            random=seeded_random(b"reader"),
            at=lambda: self.at,
            utc_day=lambda: self.utc_day,
        )
        self.at = self.utc_day = at
        self.baud = 115_200
        self.line_baud_max = line_baud_max
        self.mrz_sent = b""
        self._wire = []  # (due, to_reader, data, baud)
        self._free_ns = {True: 0, False: 0}
        self.remove_at_ns = None
        self.exchanges = 0

    def start(self) -> None:
        self.call(self.reader.opened, "mrz")
        self.call(self.reader.opened, "chip")
        self.run(3_000)

    def call(self, function, *arguments) -> None:
        try:
            function(*arguments, self.now_ns)
        except DriverFault as fault:
            self.faults.append(fault)
        self._collect()

    def present(self, lines, behaviour=None, personalisation=None, ticket=1, chip_ms=7_000):
        """Put a document down and ask for it."""
        if personalisation is not None:
            chip = Chip(card_of(personalisation, behaviour or Behaviour()), seeded_random(b"chip"))
            self.peer.put_chip(chip, self.now_ns)
        for line in lines:
            self.call(self.reader.receive, "mrz", line.encode() + b"\r")
        command = ReadDocument(ticket=ticket, mrz_budget_ms=5_000, chip_budget_ms=chip_ms)
        self.call(self.reader.command, command)

    def run(self, for_ms: int, until=None) -> None:
        end_ns = self.now_ns + for_ms * MS
        for _ in range(200_000):
            if until is not None and any(isinstance(event, until) for event in self.events):
                return
            due = [(item[0], 0) for item in self._wire[:1]]
            if self.reader.due_ns is not None:
                due.append((self.reader.due_ns, 1))
            if self.peer.due_ns is not None:
                due.append((self.peer.due_ns, 2))
            if self.remove_at_ns is not None:
                due.append((self.remove_at_ns, 3))
            if not due or min(due)[0] > end_ns:
                self.now_ns = end_ns
                return
            at, what = min(due)
            self.now_ns = max(self.now_ns, at)
            self._happen(what)
        raise AssertionError("virtual time does not advance")

    def _happen(self, what: int) -> None:
        if what == 0:
            _, to_reader, data, baud = self._wire.pop(0)
            if baud > self.line_baud_max or baud != (self.baud if to_reader else self.peer.baud):
                data = bytes(byte ^ 0xA5 for byte in data[::2])
            if to_reader:
                self.call(self.reader.receive, "chip", data)
            elif not self.peer_silent:
                self.peer.receive(data, self.now_ns)
        elif what == 1:
            self.call(self.reader.expire)
        elif what == 2:
            self.peer.expire(self.now_ns)
        else:
            self.remove_at_ns = None
            self.peer.remove_chip(self.now_ns)
        self._collect()

    def _collect(self) -> None:
        for op in self.reader.output():
            if isinstance(op, SetBaud):
                self.baud = op.baud
            elif op.port == "mrz":
                self.mrz_sent += op.data
            else:
                self.exchanges += 1
                self._carry(False, self.from_reader(op.data), self.baud)
        self._carry(True, self.from_peer(self.peer.output()), self.peer.baud)
        for event, payload in self.reader.events():
            self.events.append(event)
            self.payloads.update(payload)

    def _carry(self, to_reader: bool, data: bytes, baud: int) -> None:
        if not data:
            return
        start = max(self.now_ns, self._free_ns[to_reader])
        self._free_ns[to_reader] = start + len(data) * CHARACTER_BITS * 1_000_000_000 // baud
        self._wire.append((self._free_ns[to_reader], to_reader, data, baud))
        self._wire.sort(key=lambda item: item[0])

    def named(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def trust_of(*countries) -> TrustStore:
    """A store with the CSCAs of simulated countries."""
    certificates = [parse_certificate(country.csca.certificate.der) for country in countries]
    return TrustStore(certificates, accept_demo=True)


def verified(made):
    (event,) = made.named(DocumentVerified)
    assert {check.id.partition(".")[0] for check in event.checks} == set(CHECK_IDS)
    return {check.id: check.result for check in event.checks}
