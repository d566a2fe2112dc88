"""A contactless reader of the PC/SC kind: commercial full-page readers, the virtual one of vpcd.

The only user of pyscard, which is the extra `egate[pcsc]`. The daemon pcscd does the block
protocol; a call returns when the chip has answered or the reader has given it up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drivers.errors import DeviceRefused, DriverFault, PortLost
from drivers.passport.chip.apdu import MAX_RESPONSE
from drivers.passport.errors import NoChip, TagLost
from firmware_cfg.codes import Code

MAX_NAMES = 16
_NO_READER = frozenset(
    {"SCARD_E_NO_READERS_AVAILABLE", "SCARD_E_READER_UNAVAILABLE", "SCARD_E_UNKNOWN_READER"}
)
_NO_CARD = frozenset(
    {"SCARD_E_NO_SMARTCARD", "SCARD_W_REMOVED_CARD", "SCARD_W_UNPOWERED_CARD"}
    | {"SCARD_W_UNRESPONSIVE_CARD"}
)


class PcscMissing(DriverFault):
    """Something that PC/SC needs is not installed or does not run."""

    code = Code.PCSC_MISSING
    retryable = False


class PcscReader:
    """One chip on one PC/SC reader, from `connect` to `close`.

    Args:
        name: part of the reader's name, in any case; "" takes the first that has a chip.
    """

    def __init__(self, name: str = "") -> None:
        self._scard = _library()
        self._wanted = name
        self._context: Any = None
        self._card: Any = None
        self._protocol: Any = None

    def __enter__(self) -> PcscReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self) -> str:
        """Find reader and chip; the reader's whole name.

        Raises:
            PcscMissing: the daemon does not run.
            PortLost: there is no reader of that name.
            DeviceRefused: the reader cannot be used, by its driver or because it is taken.
            NoChip: no reader of that name has a chip on it.
        """
        scard = self._scard
        code, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if code != scard.SCARD_S_SUCCESS:
            raise PcscMissing(f"the daemon pcscd cannot be reached ({self._say(code)})")
        refusals = []
        for name in self._readers():
            code, card, protocol = scard.SCardConnect(
                self._context,
                name,
                scard.SCARD_SHARE_EXCLUSIVE,
                scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
            )
            if code == scard.SCARD_S_SUCCESS:
                self._card, self._protocol = card, protocol
                return name
            if self._is(code, _NO_READER):
                raise PortLost(f"the reader {name} went away")
            if not self._is(code, _NO_CARD):
                refusals.append(f"{name}: {self._say(code)}")
        if refusals:
            raise DeviceRefused("; ".join(refusals))
        raise NoChip("no chip on the reader")

    def transceive(self, apdu: bytes) -> bytes:
        """Exchange one APDU.

        Raises:
            TagLost: the chip is gone, or its answer is none.
        """
        scard = self._scard
        code, answer = scard.SCardTransmit(self._card, self._protocol, list(apdu))
        if code != scard.SCARD_S_SUCCESS:
            raise TagLost(self._say(code))
        if not 2 <= len(answer) <= MAX_RESPONSE:
            raise TagLost(f"an answer of {len(answer)} bytes")
        return bytes(answer)

    def reconnect(self) -> bool:
        """Take the chip's power and find it again."""
        scard = self._scard
        code, self._protocol = scard.SCardReconnect(
            self._card,
            scard.SCARD_SHARE_EXCLUSIVE,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
            scard.SCARD_UNPOWER_CARD,
        )
        return bool(code == scard.SCARD_S_SUCCESS)

    def close(self) -> None:
        """Let chip and daemon go; closing twice is fine."""
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_UNPOWER_CARD)
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
        self._card = self._context = None

    def _readers(self) -> Sequence[str]:
        scard = self._scard
        code, names = scard.SCardListReaders(self._context, [])
        if code != scard.SCARD_S_SUCCESS and not self._is(code, _NO_READER):
            raise PcscMissing(f"the daemon pcscd lists no readers ({self._say(code)})")
        fitting = [name for name in names if self._wanted.lower() in name.lower()]
        if not names:
            raise PortLost("pcscd knows no reader; is it plugged in, and its driver installed?")
        if not fitting:
            known = ", ".join(names[:MAX_NAMES])
            raise PortLost(f"no reader is called {self._wanted}; there are: {known}")
        return fitting[:MAX_NAMES]

    def _is(self, code: int, names: frozenset[str]) -> bool:
        return any(code == getattr(self._scard, name) for name in names)

    def _say(self, code: int) -> str:
        return str(self._scard.SCardGetErrorMessage(code)).strip().rstrip(".")


def _library() -> Any:
    """The binding to the daemon's library.

    Raises:
        PcscMissing: the extra is not installed.
    """
    try:
        from smartcard import scard
    except ImportError:
        raise PcscMissing(
            "PC/SC readers need the extra egate[pcsc]: install swig, libpcsclite-dev and pcscd, "
            "then pip install --no-deps --no-build-isolation --require-hashes "
            "-r requirements-pcsc.lock"
        ) from None
    return scard
