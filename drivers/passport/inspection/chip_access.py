"""An open chip, kept open: over lost chips, broken sessions and other cards in the field.

    the chip was lost            -> found again, opened again
    the session is dead          -> opened again
    it refuses to be opened      -> reset once (field off and on), opened again; else given up
    another card answers         -> the next card of the field; else the traveller is asked

A chip that was open and cannot be opened again says nothing of the document: what is then
missing was cut short, and did not fail.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from drivers.passport.chip.access import AccessPlan, PaceFailed, PaceUnknown
from drivers.passport.chip.apdu import Reconnect, Steps
from drivers.passport.chip.files import FileReader
from drivers.passport.errors import (
    AccessDenied,
    AccessLost,
    AnotherCard,
    ApduError,
    CardRefused,
    ChipProofWrong,
    DocumentError,
    SessionDead,
    TagLost,
)
from drivers.types import Check, Result

MAX_CARDS = 12
"""Cards that are tried, or asked for in vain, before an officer has to look."""

T = TypeVar("T")


@dataclass(kw_only=True)
class ChipAccess:
    """The way to one chip.

    Attributes:
        plan: how a chip is to be opened.
        reader: reads its files.
        attempts: how often a lost chip or session may be taken up again.
        ask: reports that another card is in the way.
        how: how the chip was opened, "" before.
        another: the other card that was met last; None once the document's chip was opened.
        repairs: lost chips and sessions so far.
    """

    plan: AccessPlan
    reader: FileReader
    attempts: int
    ask: Callable[[], Steps[None]]
    how: str = field(default="", init=False)
    another: AnotherCard | None = field(default=None, init=False)
    repairs: int = field(default=0, init=False)
    _due: bool = field(default=True, init=False)
    _cards: int = field(default=0, init=False)

    def persist(self, step: Callable[[], Steps[T]]) -> Steps[T]:
        """Carry a step out, over lost chips and dead sessions, as often as attempts allow.

        Raises:
            AccessDenied, ChipProofWrong, PaceFailed: the chip does not take the keys.
            AccessLost: it took them before, and is in no state to take them again.
            AnotherCard: there is no travel document's chip, not after asking for it either.
            SessionDead, TagLost: the attempts are used up.
            CardRefused, ApduError: of the step, or of a chip that was never open.
        """
        while True:
            try:
                if self._due:
                    yield from self._open()
                return (yield from step())
            except AnotherCard as another:
                yield from self._next_card(another)
            except TagLost as lost:
                self._repair(lost)
                if not (yield Reconnect()):
                    raise
                self.reader.field_lost()
            except SessionDead as dead:
                self._repair(dead)
                self.reader.session_died()
            self._due = True

    def another_card(self) -> tuple[Check, ...]:
        """Access control where no travel document was met, but another card: not judged."""
        if self.another is None:
            return ()
        detail = str(self.another)
        return (Check(id="access_control", result=Result.UNDETERMINED, detail=detail),)

    def session_died(self) -> None:
        """The session died of a step that is given up: open the chip again before the next."""
        self.reader.session_died()
        self._due = True

    def _repair(self, error: DocumentError) -> None:
        """Count a repair; let the error pass once the attempts are used up."""
        self.repairs += 1
        if self.repairs >= self.attempts:
            raise error

    def _next_card(self, another: AnotherCard) -> Steps[None]:
        """Go on with another card; ask for the document alone where there is none yet."""
        self.another = another
        if self._cards:
            yield from self.ask()
        while self._cards < MAX_CARDS:
            self._cards += 1
            if (yield Reconnect(other=True)):
                self.reader.field_lost()
                return
            yield from self.ask()
        raise another

    def _open(self) -> Steps[None]:
        """Open the chip; one that refuses to be asked is reset once, and asked once more.

        After a broken session some chips answer 6982 to everything until they lose their power.
        """
        before = self.how
        try:
            how = yield from self.plan.open(self.reader)
        except (CardRefused, ApduError) as refused:
            if isinstance(refused, AccessDenied) and not before:
                raise
            if not (yield Reconnect()):
                raise TagLost("no chip in the field after its reset") from refused
            self.reader.field_lost()
            how = yield from self._open_after_reset(before)
        self.how, self.another = how, None
        self._due = False

    def _open_after_reset(self, before: str) -> Steps[str]:
        try:
            return (yield from self.plan.open(self.reader))
        except (CardRefused, ApduError, PaceFailed) as again:
            if not before:
                raise
            raise AccessLost(f"the chip gives no new session: {again}") from again


def refused_keys(error: DocumentError) -> bool:
    """Whether access control was carried out and failed; else the chip was in no state for it."""
    if isinstance(error, CardRefused):
        # 63xx is the answer to an authentication (ISO/IEC 7816-4, table 6).
        return isinstance(error, AccessDenied) or error.sw >> 8 == 0x63
    unknown = isinstance(error, PaceUnknown)
    return isinstance(error, ChipProofWrong | PaceFailed) and not unknown
