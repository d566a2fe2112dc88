"""What `egate bench document` needs a chip for: APDUs, link and CPU, on the emulated one.

The wire is paced and the clock virtual; our own CPU advances it as it would a real one, the
emulated chip's own does not. The chip computes in no time, so that nothing but the line and
the air stands beside what we add to them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import date
from functools import partial

from drivers.passport.chip.access import AccessPlan
from drivers.passport.chip.access_choice import strongest
from drivers.passport.chip.apdu import Send, Steps
from drivers.passport.chip.chip_keys import public_keys
from drivers.passport.chip.files import FileReader
from drivers.passport.chip.pace import authenticate as pace_authenticate
from drivers.passport.chip.pace import mrz_password
from drivers.passport.chip.security_infos import PaceInfo, pace_infos, parse_security_infos
from drivers.passport.errors import SessionDead
from drivers.passport.inspection.inspection import Inspection
from drivers.passport.mrz.zone import Mrz, parse_text
from drivers.passport.reader.chip_session import ChipSession
from drivers.passport.reader.pn532_runner import CHIP
from drivers.passport.trust.certificates import parse_certificate
from drivers.passport.trust.passive_authentication import (
    authenticate_sod,
    com_sod_check,
    issuing_state_check,
)
from drivers.passport.trust.store import TrustStore
from drivers.ports import SetBaud
from firmware_cfg.profile import ChipReader
from sim.bench.figures import ChipFigures, Figure, LinkFigure
from sim.chip.air import AirTiming
from sim.chip.card import Chip, card_of
from sim.chip.keys import Algorithm, seeded_random
from sim.chip.model import EF_CARD_ACCESS, Behaviour, Latency
from sim.chip.personalise import Personalisation, personalise
from sim.chip.pn532 import Pn532Peer
from sim.chip.portrait import placeholder_portrait
from sim.chip.security_infos import security_infos
from sim.chip.specimens import SPECIMENS

DOCUMENT_BYTES = 16_800
BAUDS = (115_200, 230_400, 460_800, 921_600)
RATES_KBIT_S = (106, 424)
CHARACTER_BITS = 10
SECOND = 1_000_000_000
BUDGET_MS = 60_000
FILES = ("COM", "SOD", "DG1", "DG2")
SHORT = Behaviour(extended_length=False, largest_read=223)
RELEASE_ALL = b"\xd4\x52"
"""The first command of a read, once the PN532 is set up."""

Clock = Callable[[], int]


def measure(rounds: int, cpu_ns: Clock) -> ChipFigures:
    """Every figure that a chip is needed for."""
    document = bench_document()
    long, short = apdus(document, Behaviour()), apdus(document, SHORT)
    read = _median(rounds, partial(_read_cpu_ns, document, Behaviour(), cpu_ns))
    read_short = _median(rounds, partial(_read_cpu_ns, document, SHORT, cpu_ns))
    judged = {name: _median(rounds, partial(_judge_cpu_ns, name, cpu_ns)) for name in _signed()}
    pace = {name: _median(rounds, partial(_pace_cpu_ns, name, cpu_ns)) for name in _MAPPINGS}
    generic, integrated, chip = pace.values()
    figures = [
        Figure("document_bytes", "bytes", DOCUMENT_BYTES, _size(document)),
        Figure("apdus_extended_length", "APDUs", 24, long),
        Figure("apdus_223_bytes", "APDUs", 93, short),
        Figure("cpu_bac_and_read_ms", "ms", 40, read),
        Figure("cpu_bac_and_read_223_bytes_ms", "ms", 40, read_short),
        Figure("cpu_passive_authentication_ms", "ms", 15, max(judged.values())),
        Figure("cpu_pace_brainpoolP256r1_ms", "ms", 30, generic),
        Figure("cpu_pace_integrated_mapping_ratio", "x", 2, integrated / generic),
        Figure("cpu_pace_chip_mapping_ratio", "x", 2, chip / generic),
    ]
    figures += [
        Figure(f"cpu_passive_authentication_{name}_ms", "ms", 15, took)
        for name, took in judged.items()
    ]
    links = [
        _link(document, baud, kbit_s, rounds, cpu_ns) for kbit_s in RATES_KBIT_S for baud in BAUDS
    ]
    return ChipFigures(figures, links)


def bench_document(size: int = DOCUMENT_BYTES) -> Personalisation:
    """A passport with BAC alone whose four files have this many bytes together."""
    genuine = SPECIMENS["bac_ecdsa_p256"].personalisation()
    country = SPECIMENS["bac_ecdsa_p256"].country
    guess = size
    for _ in range(8):
        made = personalise(genuine.holder, placeholder_portrait(guess), country)
        if _size(made) <= size:
            break
        guess += size - _size(made)
    return made


def apdus(document: Personalisation, behaviour: Behaviour) -> int:
    """Commands for access control and the four files."""
    return _play(_read_all(document), _chip(document, behaviour), lambda: 0)[0]


def _read_all(document: Personalisation) -> Steps[None]:
    """Access control and the four files, as an inspection reads them."""
    reader = FileReader()
    plan = AccessPlan(mrz=_zone(document), random=seeded_random(b"bench"))
    yield from plan.open(reader)
    for name in FILES:
        while True:
            try:
                yield from reader.read(name)
                break
            except SessionDead:
                reader.session_died()
                yield from plan.open(reader)


def _read_cpu_ns(document: Personalisation, behaviour: Behaviour, cpu_ns: Clock) -> int:
    return _play(_read_all(document), _chip(document, behaviour), cpu_ns)[1]


_MAPPINGS = ("pace_aa_ca", "pace_im_aes128_brainpoolP256r1", "pace_cam_aes128_brainpoolP256r1")
"""Specimens with generic, integrated and chip authentication mapping on one curve."""


def _pace_cpu_ns(specimen: str, cpu_ns: Clock) -> int:
    made = SPECIMENS[specimen].personalisation()
    info = strongest(pace_infos(parse_security_infos(made.master_files[EF_CARD_ACCESS])))
    if info is None:
        raise ValueError("the specimen offers no PACE that the reader does")
    return _play(_pace(made, info), _chip(made, Behaviour()), cpu_ns)[1]


def _pace(made: Personalisation, info: PaceInfo) -> Steps[None]:
    """PACE, and the check of what chip authentication mapping gave."""
    password = mrz_password(_zone(made).key_input)
    opened = yield from pace_authenticate(info, password, seeded_random(b"bench"))
    if opened.proof is not None:
        infos = parse_security_infos(security_infos(made.features.agreement[0].infos))
        keys, _ = public_keys(infos)
        opened.proof.verify(keys[0].public)


def _play(steps: Steps[object], chip: Chip, cpu_ns: Clock) -> tuple[int, int]:
    """Commands exchanged, and our own CPU."""
    count, spent, answer = 0, 0, None
    while True:
        started = cpu_ns()
        try:
            op = steps.send(answer)
        except StopIteration:
            return count, spent + cpu_ns() - started
        spent += cpu_ns() - started
        if not isinstance(op, Send):
            raise TypeError("nothing but commands was expected")
        count += 1
        answer, _ = chip.transmit(op.apdu)


def _signed() -> Iterable[str]:
    return [algorithm.value for algorithm in Algorithm]


def _judge_cpu_ns(algorithm: str, cpu_ns: Clock) -> int:
    """Passive authentication: signature, chain, validity, EF.COM, state and both hashes."""
    specimen = SPECIMENS[f"bac_{algorithm}"]
    made = specimen.personalisation()
    trust = trust_of(made)
    files = {fid: bytes(content) for fid, content in made.files.items()}
    started = cpu_ns()
    found = authenticate_sod(files[0x011D], trust, specimen.country.at.date())
    com_sod_check(files[0x011E], found.security_object)
    issuing_state_check("UTO", found)
    for number in (1, 2):
        found.hash_check(number, files[0x0100 + number])
    spent = cpu_ns() - started
    if not found.trusted:
        raise ValueError(f"the specimen of {algorithm} does not verify")
    return spent


@dataclass(frozen=True)
class _AtRate(AirTiming):
    """An air interface that stays at one rate, whatever was agreed."""

    kbit_s: int = 106

    def to_chip_ns(self, size: int, rate_kbit_s: int) -> int:  # noqa: ARG002 (it stays)
        return super().to_chip_ns(size, self.kbit_s)

    def to_reader_ns(self, size: int, rate_kbit_s: int) -> int:  # noqa: ARG002 (it stays)
        return super().to_reader_ns(size, self.kbit_s)


def _link(
    document: Personalisation, baud: int, kbit_s: int, rounds: int, cpu_ns: Clock
) -> LinkFigure:
    runs = [PacedRead(document, baud, kbit_s, cpu_ns).run() for _ in range(min(rounds, 3))]
    modelled, measured = min(runs, key=lambda run: run[1])
    return LinkFigure(baud, kbit_s, round(modelled / 1e6, 3), round(measured / 1e6, 3))


class PacedRead:
    """One inspection over a paced line: what it took, and what the link alone takes.

    The link alone is, for each command: its bytes on the line, then the longer of the
    acknowledgement's bytes and what PN532, air and chip need, then the answer's bytes.
    """

    def __init__(self, document: Personalisation, baud: int, kbit_s: int, cpu_ns: Clock) -> None:
        self._cpu_ns = cpu_ns
        self._peer = Pn532Peer(seeded_random(b"peer"), _AtRate(kbit_s=kbit_s))
        self._peer.put_chip(_chip(document, Behaviour()), 0)
        profile = ChipReader(port="bench", baud=min(BAUDS), baud_max=baud)
        self._session = ChipSession(_inspection(document, cpu_ns), profile, BUDGET_MS)
        self._now_ns = 0
        self._character_ns = 0
        self._to_reader: list[tuple[int, bytes]] = []
        self._line_free_ns = 0
        self._began_ns: int | None = None
        self._link_ns = 0

    def run(self) -> tuple[int, int]:
        """Modelled and measured nanoseconds, from finding the chip to the verdict.

        Raises:
            ValueError: the inspection did not come to its end.
        """
        self._call(partial(self._session.opened, CHIP))
        while self._session.checks is None:
            due = [at for at, _ in self._to_reader[:1]]
            due += [at for at in (self._session.due_ns, self._peer.due_ns) if at is not None]
            if not due:
                raise ValueError("the inspection stands still")
            self._now_ns = max(self._now_ns, min(due))
            self._step()
        if self._began_ns is None or self._session.ended is not None:
            raise ValueError("the chip was not read")
        return self._link_ns, self._now_ns - self._began_ns

    def _step(self) -> None:
        peer_due_ns = self._peer.due_ns
        if peer_due_ns is not None and peer_due_ns <= self._now_ns:
            self._peer.expire(peer_due_ns)
            self._answer(peer_due_ns, self._peer.output())
        elif self._to_reader and self._to_reader[0][0] <= self._now_ns:
            _, data = self._to_reader.pop(0)
            self._call(partial(self._session.receive, CHIP, data))
        else:
            self._call(self._session.expire)

    def _call(self, action: Callable[[int], None]) -> None:
        started = self._cpu_ns()
        action(self._now_ns)
        out = self._session.output()
        self._session.events()
        self._now_ns += self._cpu_ns() - started
        for op in out:
            if isinstance(op, SetBaud):
                self._character_ns = CHARACTER_BITS * SECOND // op.baud
            else:
                self._command(op.data)

    def _command(self, data: bytes) -> None:
        if self._began_ns is None and RELEASE_ALL in data:
            self._began_ns = self._now_ns
        arrived_ns = self._now_ns + len(data) * self._character_ns
        self._peer.receive(data, arrived_ns)
        acknowledgement = self._peer.output()
        if acknowledgement:
            self._answer(arrived_ns, acknowledgement, model=False)
        if self._began_ns is not None and acknowledgement:
            busy_ns = (self._peer.due_ns or arrived_ns) - arrived_ns
            acknowledged_ns = len(acknowledgement) * self._character_ns
            self._link_ns += len(data) * self._character_ns + max(busy_ns, acknowledged_ns)

    def _answer(self, at_ns: int, data: bytes, *, model: bool = True) -> None:
        took_ns = len(data) * self._character_ns
        self._line_free_ns = max(at_ns, self._line_free_ns) + took_ns
        self._to_reader.append((self._line_free_ns, data))
        if model and self._began_ns is not None:
            self._link_ns += took_ns


def _inspection(document: Personalisation, cpu_ns: Clock) -> Inspection:
    return Inspection(
        ticket=1,
        mrz=_zone(document),
        trust=trust_of(document),
        at=date(2026, 11, 22),
        random=seeded_random(b"bench"),
        clock=cpu_ns,
        new_handle=lambda: "portrait",
    )


def trust_of(document: Personalisation) -> TrustStore:
    """The store that trusts the document's state alone."""
    return TrustStore([parse_certificate(document.country.csca.certificate.der)], accept_demo=True)


def _chip(document: Personalisation, behaviour: Behaviour) -> Chip:
    latency = Latency(*[0] * len(fields(Latency)))
    return Chip(card_of(document, behaviour, latency), seeded_random(b"chip"))


def _zone(document: Personalisation) -> Mrz:
    return parse_text(document.printed.text)


def _size(document: Personalisation) -> int:
    return sum(map(len, document.files.values()))


def _median(rounds: int, once: Callable[[], int]) -> float:
    once()  # tables and caches are warm at a gate
    return round(statistics.median(once() for _ in range(rounds)) / 1e6, 3)
