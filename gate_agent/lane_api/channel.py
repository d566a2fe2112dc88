"""Framing of local sockets: a big-endian 32-bit length, then that many bytes of msgpack.

Sans-IO: bytes in pieces of any size go in, whole messages come out. A frame that is too
long or does not decode raises `ChannelError`; the caller drops the connection, because
nothing after it can be trusted to begin at a frame.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec

from gate_agent.core.messages import Command, Event

MAX_FRAME_BYTES = 8 * 1024 * 1024

M = TypeVar("M")


class ChannelError(Exception):
    """A peer on a local socket does not keep to the framing; `diagnosis` has the detail."""

    def __init__(self, diagnosis: str) -> None:
        super().__init__(diagnosis)
        self.diagnosis = diagnosis


class FromWorker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """A worker reports one event; `payload` goes to the vault, by handle."""

    event: Event
    payload: dict[str, bytes] = {}


class ToWorker(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """The agent commands a worker; `payload` is what its handles stand for.

    A payload is the worker's to overwrite when it has used it.
    """

    command: Command
    payload: dict[str, bytearray] = {}


class WorkerHello(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """First frame of a worker: which device it is, and its version of the vocabulary."""

    device: str
    version: int = 1


class StillHere(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Heartbeat of a worker without anything to report."""


class ViewQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """The agent asks vision for a picture on behalf of an authorised viewer."""

    request: int
    ticket: int
    kind: str  # "live" or "chip"


class ViewAnswer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag=True):
    """Vision answers; `jpeg` is empty when there is nothing to show."""

    request: int
    jpeg: bytes


WorkerFrame = FromWorker | WorkerHello | StillHere | ViewAnswer
AgentFrame = ToWorker | ViewQuery


def encode(message: msgspec.Struct) -> bytes:
    """Frame one message.

    Raises:
        ChannelError: the message is longer than `MAX_FRAME_BYTES`.
    """
    body = msgspec.msgpack.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise ChannelError(f"frame of {len(body)} bytes exceeds {MAX_FRAME_BYTES}")
    return len(body).to_bytes(4, "big") + body


class FrameReader(Generic[M]):
    """Cuts a byte stream into messages of one union type, each at most `max_bytes` long.

    Bytes of a decoded message are overwritten: a portrait or a name may have been in it.
    """

    def __init__(self, union: Any, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._decoder = msgspec.msgpack.Decoder(union)
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> Iterator[M]:
        """Take bytes now, give the messages that are now whole, one after the other.

        Raises:
            ChannelError: while iterating, at a frame that is too long or does not decode;
                the messages before it were given.
        """
        self._buffer += data
        return self._messages()

    def _messages(self) -> Iterator[M]:
        while len(self._buffer) >= 4:
            length = int.from_bytes(self._buffer[:4], "big")
            if length > self._max_bytes:
                raise ChannelError(f"frame of {length} bytes announced")
            if len(self._buffer) < 4 + length:
                return
            try:
                with memoryview(self._buffer)[4 : 4 + length] as body:
                    message: M = self._decoder.decode(body)
            except msgspec.MsgspecError as error:
                raise ChannelError(f"frame does not decode: {error}") from error
            finally:
                drop(self._buffer, 4 + length)
            yield message


def drop(buffer: bytearray, length: int) -> None:
    """Overwrite the first bytes of a buffer, then take them away."""
    buffer[:length] = bytes(length)
    del buffer[:length]
