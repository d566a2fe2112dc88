"""One chip served in real time: behind a PN532 on a pseudo-terminal, or as vpcd's card.

The same sans-IO peers as on virtual wires; here a select loop carries their bytes. The clock
and the end come from the caller.
"""

from __future__ import annotations

import contextlib
import select
import socket
from collections.abc import Callable

from sim.chip.card import Chip
from sim.chip.keys import Random
from sim.chip.pn532 import Pn532Peer
from sim.chip.vpcd import VpcdCard
from sim.wires.pty import Pty

MAX_WAIT_NS = 200_000_000
CONNECT_S = 5.0
CHUNK = 65_536

Clock = Callable[[], int]
Ended = Callable[[], bool]
Say = Callable[[str], None]


def serve_pn532(chip: Chip, random: Random, clock: Clock, ended: Ended, say: Say) -> None:
    """A PN532 with the chip in its field; says the pseudo-terminal's path first."""
    with Pty() as port:
        peer = Pn532Peer(random)
        peer.put_chip(chip, clock())
        say(port.path)
        while not ended():
            wait_ns = MAX_WAIT_NS
            if peer.due_ns is not None:
                wait_ns = max(0, min(wait_ns, peer.due_ns - clock()))
            readable, _, _ = select.select([port.fileno()], [], [], wait_ns / 1e9)
            if readable:
                peer.receive(port.read(), clock())
            peer.expire(clock())
            port.write(peer.output())


def serve_vpcd(chip: Chip, address: tuple[str, int], clock: Clock, ended: Ended, say: Say) -> None:
    """A card in vsmartcard's virtual reader, until the reader hangs up or the chip is silent.

    The chip's own computing time passes before each answer.

    Raises:
        OSError: nothing listens there, or the connection broke.
    """
    card = VpcdCard(chip)
    with socket.create_connection(address, CONNECT_S) as line:
        line.setblocking(False)
        say(f"{address[0]}:{address[1]}")
        while not ended() and not card.gone:
            wait_ns = MAX_WAIT_NS
            if card.due_ns is not None:
                wait_ns = max(0, min(wait_ns, card.due_ns - clock()))
            readable, _, _ = select.select([line], [], [], wait_ns / 1e9)
            if readable:
                with contextlib.suppress(BlockingIOError):
                    data = line.recv(CHUNK)
                    if not data:
                        return
                    card.receive(data, clock())
            card.expire(clock())
            _send(line, card.output())


def _send(line: socket.socket, data: bytes) -> None:
    while data:
        select.select([], [line], [], CONNECT_S)
        data = data[line.send(data) :]
