"""The cards of a field: the document's among others, such as a bank card in its cover.

A card that is no travel document is passed over, and the others are tried in turn: two of each
type, the most that a PN532 can list (NXP UM0701-02, 7.3.5). A fixed identifier is not tried
twice; a random one (ISO/IEC 14443-3, 6.5.4) changes with each reset of the field.
"""

from __future__ import annotations

from drivers.passport.reader.pn532_commands import (
    Calls,
    Pause,
    Target,
    find_again,
    take_up,
    targets_in_field,
)

ASK_PAUSE_MS = 300
"""Between two looks at a field that holds no other card: the traveller needs time."""
RANDOM_UID = 0x08


class CardSearch:
    """Finds the chip of one conversation.

    Args:
        poll_ms: how long to look for a first card.

    Attributes:
        only_others: cards are in the field, and none of them speaks ISO/IEC 14443-4.
    """

    def __init__(self, poll_ms: int) -> None:
        self._poll_ms = poll_ms
        self._waiting: list[tuple[bytes, Target]] = []
        self._passed_over: set[bytes] = set()
        self._current: Target | None = None
        self._looked = False
        self.only_others = False

    def first(self) -> Calls[Target | None]:
        """The card in the field after a reset, or None after `poll_ms`."""
        self._current = yield from find_again(self._poll_ms)
        if self._current is None:
            found = yield from targets_in_field()
            self.only_others = bool(found)
            self._waiting = [(request, target) for request, target in found if self._new(target)]
            if self._waiting:
                self._current = yield from self.other()
        return self._current

    def other(self) -> Calls[Target | None]:
        """A card that was not passed over; None where there is none at present."""
        if self._current is not None and self._current.uid[:1] not in (b"", bytes([RANDOM_UID])):
            self._passed_over.add(self._current.uid)
        if not self._waiting:
            if self._looked:
                yield Pause(ASK_PAUSE_MS)
            self._looked = True
            found = yield from targets_in_field()
            self._waiting = [(request, target) for request, target in found if self._new(target)]
        self._current = None
        while self._waiting and self._current is None:
            request, target = self._waiting.pop(0)
            self._current = yield from take_up(request, target.number)
        return self._current

    def _new(self, target: Target) -> bool:
        return target.iso_dep and target.uid not in self._passed_over
