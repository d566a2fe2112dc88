"""MQTT 5 and 3.1.1 without threads: the only file that imports paho.

The owner waits on the link's socket and calls `pump`; what happened comes back as a list.
Each connection is a new paho client with a clean session, so that nothing of an earlier
one is sent again behind our back: the journal and the receipts know what is missing,
paho's and the broker's memories are not needed.
"""

from __future__ import annotations

import select
import socket as sockets
import ssl
import struct
from pathlib import Path
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sync.log.encoding import MAX_BATCH_BYTES
from sync.log.errors import KeyRefused, LinkDown, LinkStolen
from sync.log.keys import MAX_KEY_FILE_BYTES
from sync.log.secret_file import read_secret

CONNECT_TIMEOUT_S = 2.0
KEEPALIVE_S = 15
QOS = 1
SESSION_TAKEN_OVER = 0x8E  # MQTT 5, table 2-6: reason codes
MAX_PACKETS_PER_PUMP = 16
RECEIVE_MAXIMUM = 200
MAX_PACKET_BYTES = MAX_BATCH_BYTES + 1024
MAX_UNANSWERED_BYTES = 16 * 1024 * 1024
"""A broker that acknowledges nothing, though it reads, is left before more than this waits."""

MESSAGE_BYTES = 512
"""What a message costs in memory besides its payload, about."""

_PROTOCOLS = {"5": MQTTProtocolVersion.MQTTv5, "3.1.1": MQTTProtocolVersion.MQTTv311}


class Connected(NamedTuple):
    """The broker accepted us, and granted every subscription."""


class Disconnected(NamedTuple):
    """The connection ended. `stolen`: the broker says another client took our name."""

    stolen: bool


class Received(NamedTuple):
    """A message came. The broker keeps it until `acknowledge(message_id)`.

    `message_id` is 0 for a message of quality of service 0, which needs no answer.
    """

    topic: str
    payload: bytes
    message_id: int


class BrokerRefused(NamedTuple):
    """The broker denied a publish (MQTT 5 reason code >= 0x80) or a subscription."""

    reason: int


class Tls(NamedTuple):
    """Files for a mutually authenticated connection (TLS 1.2 or newer), all in PEM.

    `ca` holds the authorities that may vouch for the broker, and no others are asked; `cert`
    and `key` are our own. The broker's certificate must name the host we connect to.
    """

    ca: Path
    cert: Path
    key: Path


LinkEvent = Connected | Disconnected | Received | BrokerRefused


class MqttLink:
    """One client of one broker. Messages are acknowledged by hand, after COMMIT."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        client_id: str,
        protocol: str,
        subscriptions: tuple[str, ...],
        tls: Tls | None = None,
    ) -> None:
        """Begin unconnected.

        Args:
            host: the broker's.
            port: the broker's.
            client_id: unique at this broker; two clients of one name fight for ever.
            protocol: "5" or "3.1.1".
            subscriptions: topic filters, subscribed to on every connection.
            tls: certificates; None for a plain connection.

        Raises:
            KeyRefused: a certificate or key cannot be used.
        """
        self._host = host
        self._port = port
        self._client_id = client_id
        self._protocol = _PROTOCOLS[protocol]
        self._subscriptions = subscriptions
        self._tls = None if tls is None else _context(tls)
        self._client: paho.Client | None = None
        self._up = False
        self._unanswered: dict[int, int] = {}  # bytes of what the broker has not acknowledged
        self._unanswered_bytes = 0
        self._events: list[LinkEvent] = []

    @property
    def connected(self) -> bool:
        """Whether the broker accepted us and our subscriptions."""
        return self._up

    def connect(self) -> None:
        """Begin a new connection; `Connected` follows from `pump`.

        Waits at most `CONNECT_TIMEOUT_S` for the TCP connection.

        Raises:
            LinkDown: the broker is not reachable.
        """
        self.close()
        client = self._new_client()
        properties = None
        if self._protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.ReceiveMaximum = RECEIVE_MAXIMUM
            properties.MaximumPacketSize = MAX_PACKET_BYTES
        try:
            client.connect(self._host, self._port, KEEPALIVE_S, properties=properties)
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason
            raise LinkDown(f"broker {self._host}:{self._port}: TLS: {reason}") from error
        except (OSError, ValueError) as error:
            raise LinkDown(f"broker {self._host}:{self._port} is not reachable") from error
        self._client = client
        # Acknowledgement and receipt follow each other closely; Nagle would hold the
        # second for as long as the broker's kernel delays its own answer (40 ms).
        if (socket := self.socket()) is not None:
            socket.setsockopt(sockets.IPPROTO_TCP, sockets.TCP_NODELAY, 1)

    def socket(self) -> sockets.socket | None:
        """The socket to wait on, or None."""
        # paho's stub names a union with its websocket wrapper, which we never ask for.
        found: Any = None if self._client is None else self._client.socket()
        socket: sockets.socket | None = found
        return socket

    def pending(self) -> bool:
        """Whether bytes wait that `select` does not see, because TLS has read them already."""
        return self._client is not None and _pending(self._client.socket())

    def wants_write(self) -> bool:
        """Whether to wait for the socket to take more, too."""
        return self._client is not None and self._client.want_write()

    def pump(self) -> list[LinkEvent]:
        """Read and write what is possible now, keep the session alive; give what happened.

        Raises:
            LinkStolen: the broker says that another client took our name.
        """
        client = self._client
        if client is not None:
            try:
                healthy = _turn(client)
            except (ValueError, IndexError, KeyError, TypeError, struct.error, OSError):
                healthy = False  # what paho raises on packets that are not MQTT
            if not healthy:
                self._lose()
        events, self._events = self._events, []
        if any(isinstance(event, Disconnected) and event.stolen for event in events):
            self.close()
            raise LinkStolen(f"another client uses the name {self._client_id}")
        return events

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send a message with quality of service 1. A denial comes back as `BrokerRefused`.

        With `retain` the broker keeps it for those who subscribe later.

        A broken connection shows in the next `pump`; the message is then lost, and
        a receiver that needs it will ask again.
        """
        if self._client is None:
            return
        sent = self._client.publish(topic, payload, QOS, retain=retain)
        self._unanswered[sent.mid] = size = len(payload) + MESSAGE_BYTES
        self._unanswered_bytes += size
        if self._unanswered_bytes > MAX_UNANSWERED_BYTES:
            self._lose()

    def acknowledge(self, message_id: int) -> None:
        """Acknowledge a received message: the broker need not deliver it again."""
        if self._client is not None and message_id:
            self._client.ack(message_id, QOS)

    def close(self) -> None:
        """End the connection, if there is one."""
        client = self._forget()
        if client is not None:
            client.on_disconnect = None
            client.disconnect()
            client.loop_write()
            _close_socket(client)

    def _new_client(self) -> paho.Client:
        """Make a client that reports everything and decides nothing."""
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=self._protocol,
            reconnect_on_failure=False,
            manual_ack=True,
            clean_session=None if self._protocol == MQTTProtocolVersion.MQTTv5 else True,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if self._tls is not None:
            client.tls_set_context(self._tls)
        client.max_inflight_messages_set(0)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _p: Any) -> None:
        if code.is_failure:
            self._lose()
        elif self._subscriptions:
            client.subscribe([(topic, QOS) for topic in self._subscriptions])
        else:
            self._accepted()

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, codes: Any, _p: Any) -> None:
        denied = [code.value for code in codes if code.is_failure]
        if denied:
            self._events.append(BrokerRefused(denied[0]))
            self._lose()
        else:
            self._accepted()

    def _on_message(self, _client: Any, _data: Any, message: paho.MQTTMessage) -> None:
        self._events.append(Received(message.topic, bytes(message.payload), message.mid))

    def _on_publish(self, _client: Any, _data: Any, mid: int, code: Any, _p: Any) -> None:
        self._unanswered_bytes -= self._unanswered.pop(mid, 0)
        if code.is_failure:
            self._events.append(BrokerRefused(code.value))

    def _on_disconnect(self, _c: Any, _data: Any, flags: Any, code: Any, _p: Any) -> None:
        by_broker = flags.is_disconnect_packet_from_server
        self._lose(stolen=by_broker and code.value == SESSION_TAKEN_OVER)

    def _accepted(self) -> None:
        """We are a client of this broker now."""
        self._up = True
        self._events.append(Connected())

    def _forget(self) -> paho.Client | None:
        """Begin unconnected again; give the client that was."""
        client, self._client, self._up = self._client, None, False
        self._unanswered, self._unanswered_bytes = {}, 0
        return client

    def _lose(self, *, stolen: bool = False) -> None:
        """The connection is of no more use."""
        client = self._forget()
        if client is not None:
            self._events.append(Disconnected(stolen))
            client.on_disconnect = None
            _close_socket(client)


def _turn(client: paho.Client) -> bool:
    """Carry what can be carried now; say whether the connection still stands."""
    good = MQTTErrorCode.MQTT_ERR_SUCCESS
    for _ in range(MAX_PACKETS_PER_PUMP):
        socket: Any = client.socket() if client.loop_read() == good else None
        if socket is None:
            return False
        if not _pending(socket) and not select.select([socket], [], [], 0)[0]:
            break
    if client.want_write() and client.loop_write() != good:
        return False
    return client.loop_misc() == good and client.socket() is not None


def _pending(socket: Any) -> bool:
    """Whether a TLS socket holds bytes that were read and not taken."""
    return isinstance(socket, ssl.SSLSocket) and socket.pending() > 0


def _context(tls: Tls) -> ssl.SSLContext:
    """Make the context: the named authorities alone, and our own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    read_secret(tls.key, MAX_KEY_FILE_BYTES)
    try:
        context.load_verify_locations(cafile=tls.ca)
        context.load_cert_chain(tls.cert, tls.key)
    except (ssl.SSLError, OSError) as error:
        raise KeyRefused(
            f"{tls.ca.name}, {tls.cert.name}, {tls.key.name}: no certificates for TLS"
        ) from error
    return context


def _close_socket(client: paho.Client) -> None:
    """Close what paho leaves open when its loop is not run to the end."""
    client._sock_close()  # noqa: SLF001 (paho has no public way to drop a connection)
