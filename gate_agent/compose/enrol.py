"""A gate's enrolment: its key, one request over the broker, the centre's keys."""

from __future__ import annotations

import select
import sys
from pathlib import Path

from gate_agent import live
from sync.log.enrolment import (
    Token,
    check_answer,
    enrolled_topic,
    enrolment_topic,
    make_request,
    read_token,
)
from sync.log.errors import EnrolmentRefused, LinkDown, LinkError, SyncError
from sync.log.keys import (
    SigningKey,
    read_signing_key,
    write_centre_public,
    write_public_key,
    write_signing_key,
)
from sync.log.mqtt import BrokerRefused, Connected, MqttLink, Received, Tls

PREFIX = "egate"
ASK_AGAIN_NS = 5_000_000_000
STEP_S = 0.5


def run(text: str, keys: Path, broker: tuple[str, int], tls: Tls | None, wait_s: int) -> int:
    """Enrol; exit 2 when the token or a file is not good, 1 when no good answer came.

    The key is written before it is sent: after a power cut or a lost answer the
    same command goes on with the same key.
    """
    try:
        token = read_token(text)
        key = _own_key(keys)
        _ask(token, key, _link(token.gate, broker, tls), wait_s)
        write_centre_public(keys, token.centre)
    except LinkError as error:
        sys.stderr.write(f"egate enrol: {error.diagnosis}\n")
        return 1
    except SyncError as error:
        sys.stderr.write(f"egate enrol: {error.diagnosis}\n")
        return 2
    print(f"gate {token.gate} is enrolled")
    return 0


def _own_key(keys: Path) -> SigningKey:
    """Return the gate's key, made now where it is missing."""
    if not (keys / "gate.key").exists():
        write_signing_key(keys / "gate.key", SigningKey.generate(live.system_random))
    key = read_signing_key(keys / "gate.key")
    if not (keys / "gate.pub").exists():
        write_public_key(keys / "gate.pub", key.public)
    return key


def _link(gate: str, broker: tuple[str, int], tls: Tls | None) -> MqttLink:
    """Give the way to the broker, not opened yet."""
    return MqttLink(
        host=broker[0],
        port=broker[1],
        client_id=f"{PREFIX}-enrol-{gate}",
        protocol="5",
        subscriptions=(enrolled_topic(PREFIX, gate),),
        tls=tls,
    )


def _ask(token: Token, key: SigningKey, link: MqttLink, wait_s: int) -> None:
    """Ask until a good answer comes.

    Raises:
        EnrolmentRefused: none came in time; the centre's quarantine says why.
        LinkError: the broker cannot be used.
    """
    request = make_request(token, key, live.system_random)
    end_ns = live.monotonic_ns() + wait_s * 1_000_000_000
    ask_ns: int | None = None
    denied = False
    link.connect()
    try:
        while (now_ns := live.monotonic_ns()) < end_ns:
            for event in link.pump():
                if isinstance(event, Connected):
                    ask_ns, denied = now_ns, False
                elif isinstance(event, BrokerRefused):
                    denied = True
                elif isinstance(event, Received):
                    link.acknowledge(event.message_id)
                    if _good(event.payload, token, key):
                        return
            if ask_ns is not None and now_ns >= ask_ns:
                link.publish(enrolment_topic(PREFIX, token.gate), request)
                ask_ns = now_ns + ASK_AGAIN_NS
            _wait(link)
    finally:
        link.close()
    if ask_ns is None or denied:
        raise LinkDown("the broker does not accept us: certificate, name or rights")
    raise EnrolmentRefused(
        "no answer: does the centre run, has the token expired, or was it used for another key?"
    )


def _wait(link: MqttLink) -> None:
    """Wait for the broker, or a moment before asking it again for a connection."""
    socket = link.socket()
    if socket is None:
        select.select([], [], [], STEP_S)
        link.connect()
    elif not link.pending():
        select.select([socket], [socket] if link.wants_write() else [], [], STEP_S)


def _good(answer: bytes, token: Token, key: SigningKey) -> bool:
    """Whether an answer is for us; an older one for another key may still be retained."""
    try:
        check_answer(answer, token, key.public)
    except EnrolmentRefused:
        return False
    return True
