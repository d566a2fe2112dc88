"""Cards that lie with a travel document: a bank card in its cover, a phone, a transport card."""

from __future__ import annotations

from dataclasses import dataclass

_COMPUTING_NS = 3_000_000
_ANSWER_TO_SELECT = bytes.fromhex("0578807102")
_ISO_DEP, _NO_ISO_DEP = 0x20, 0x08
_ATQB = bytes.fromhex("50112233440000000080817100")[:12]


@dataclass(frozen=True)
class OtherCard:
    """A card without the travel document's application.

    Attributes:
        status: its answer to every command.
        uid: its identifier; 08 and three bytes for a random one, as phones have.
        iso_dep: whether it speaks ISO/IEC 14443-4; a transport card need not.
        type_b: of ISO/IEC 14443 type B.
        before: answers before the document.
    """

    status: int = 0x6A82
    uid: bytes = bytes.fromhex("04112233445566")
    iso_dep: bool = True
    type_b: bool = False
    before: bool = True

    @property
    def silent(self) -> bool:
        """It answers."""
        return False

    def power_up(self) -> None:
        """It forgets nothing."""

    def transmit(self, _raw: bytes) -> tuple[bytes | None, int]:
        """Its one answer, and the nanoseconds that it takes."""
        return self.status.to_bytes(2, "big"), _COMPUTING_NS

    @property
    def target_data(self) -> bytes:
        """What InListPassiveTarget reports of it after its number (UM0701-02, 7.3.5)."""
        if self.type_b:
            return _ATQB + b"\x00"
        select = _ISO_DEP if self.iso_dep else _NO_ISO_DEP
        head = b"\x00\x04" + bytes((select, len(self.uid))) + self.uid
        return head + (_ANSWER_TO_SELECT if self.iso_dep else b"")
