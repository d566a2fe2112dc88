"""Commands and responses of ISO/IEC 7816-4, short and extended length.

Sequential chip protocols are generators: they yield `Send(apdu)` and get the raw
response, yield `Emit(emission)` and get None, or yield `Reconnect()` after `TagLost`, or to
reset a chip, and get whether a chip is in the field again. The caller owns transport and time, and
ends them by throwing a `LinkEnded`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, cast

from drivers.passport.errors import ApduError, DocumentError
from drivers.ports import Emission

MAX_DATA = 65_535
MAX_RESPONSE = 65_536 + 2
WHAT_THERE_IS = 256
"""Le that asks for whatever there is, in short length: 00 on the wire."""

SW_OK = 0x9000


class Send(NamedTuple):
    """Send this command APDU; the answer is the raw response APDU.

    `meanwhile` is work that may be done while the answer is on its way; the sender need
    not do it.
    """

    apdu: bytes
    meanwhile: Callable[[], object] | None = None


class Emit(NamedTuple):
    """Put this emission into the inbox; there is no answer."""

    emission: Emission


class Reconnect(NamedTuple):
    """Reset the field and find the chip again; the answer is whether it is there.

    `other`: find another card than those that were met; False where there is none.
    """

    other: bool = False


T = TypeVar("T")
Steps = Generator[Send | Emit | Reconnect, Any, T]
"""A chip protocol that ends with a T."""


class Later(Generic[T]):
    """Work that is done once: where there is time first, else where it is needed."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work
        self._result: T

    def __call__(self) -> T:
        """The result; done now unless it was done before."""
        work, self._work = self._work, None
        if work is not None:
            self._result = work()
        return self._result


def overlap(steps: Steps[T], work: Callable[[], object]) -> Steps[T]:
    """The same steps; `work` may be done while the second command of a file is answered.

    The first asks for its head alone; the second takes as long as a chip is allowed to send.
    """
    sent = 0
    resume: Callable[[], Send | Emit | Reconnect] = steps.__next__
    while True:
        try:
            op = resume()
        except StopIteration as end:
            return cast("T", end.value)
        if isinstance(op, Send):
            sent += 1
            op = op._replace(meanwhile=work) if sent == 2 else op
        try:
            answer = yield op
        except DocumentError as error:
            resume = partial(steps.throw, error)
        else:
            resume = partial(steps.send, answer)


class Command(NamedTuple):
    """A command APDU. `le` is None for no response data, else 1..65536."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None

    def encode(self) -> bytes:
        """Encode, in extended length only where short length cannot hold it.

        Raises:
            ApduError: data or Le beyond extended length.
        """
        if len(self.data) > MAX_DATA or (self.le is not None and not 1 <= self.le <= 65_536):
            raise ApduError("command beyond extended length")
        extended = len(self.data) > 255 or (self.le is not None and self.le > 256)
        out = bytes([self.cla, self.ins, self.p1, self.p2])
        if extended:
            if self.data:
                out += b"\x00" + len(self.data).to_bytes(2, "big") + self.data
            if self.le is not None:
                out += (b"" if self.data else b"\x00") + (self.le & 0xFFFF).to_bytes(2, "big")
            return out
        if self.data:
            out += bytes([len(self.data)]) + self.data
        if self.le is not None:
            out += bytes([self.le & 0xFF])
        return out


class Response(NamedTuple):
    """A response APDU: data and status word."""

    data: bytes
    sw: int

    @property
    def ok(self) -> bool:
        """Whether the status word is 9000."""
        return self.sw == SW_OK


def parse_response(raw: bytes) -> Response:
    """Split a response APDU.

    Raises:
        ApduError: shorter than a status word or longer than extended length allows.
    """
    if not 2 <= len(raw) <= MAX_RESPONSE:
        raise ApduError(f"response of {len(raw)} bytes")
    return Response(bytes(raw[:-2]), int.from_bytes(raw[-2:], "big"))


def transmit(command: Command) -> Steps[Response]:
    """Send a command in the clear and fetch what 61xx and 6Cxx ask for."""
    response = parse_response((yield Send(command.encode())))
    if response.sw >> 8 == 0x6C:
        again = command._replace(le=response.sw & 0xFF or 256)
        response = parse_response((yield Send(again.encode())))
    data = response.data
    for _ in range(MAX_GET_RESPONSES):
        if response.sw >> 8 != 0x61:
            break
        more = Command(command.cla & 0xF3, 0xC0, 0, 0, le=response.sw & 0xFF or 256)
        response = parse_response((yield Send(more.encode())))
        data += response.data
    return Response(data, response.sw)


MAX_GET_RESPONSES = 300
