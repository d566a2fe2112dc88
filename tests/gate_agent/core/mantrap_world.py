"""A mantrap for tests: two doors that follow what is commanded, and people between them."""

from __future__ import annotations

from gate_world import PROFILE, World

from drivers.types import (
    ActuationDone,
    Close,
    CloseEntry,
    DocumentPresented,
    Door,
    Lock,
    OpenEntry,
    OpenExit,
    Zone,
)
from gate_agent.core.states import replace, ticket_of
from gate_agent.safety.scene import MANTRAP_AT_REST
from sync.log.types import Appended, RecordKind

MANTRAP = replace(PROFILE, lane=replace(PROFILE.lane, topology="mantrap", reversible=True))
ON_APPROACH = replace(MANTRAP, lane=replace(MANTRAP.lane, entry_opens="on_approach"))
AT_REST = MANTRAP_AT_REST
OPEN_ENTRY = {"entry": Door.OPEN, "entry_lock": Lock.UNLOCKED}
SHUT_ENTRY = {"entry": Door.CLOSED, "entry_lock": Lock.LOCKED}
OPEN_EXIT = {"exit": Door.OPEN, "exit_lock": Lock.UNLOCKED}
SHUT_EXIT = {"exit": Door.CLOSED, "exit_lock": Lock.LOCKED}


class Mantrap(World):
    """A loop with two doors; `follow` lets them do what was commanded last."""

    def __init__(self, profile=MANTRAP, loop=None) -> None:
        super().__init__(profile, loop)
        self.plant = AT_REST
        self.seen = 0

    @property
    def outside(self) -> str:
        return type(self.state.approach).__name__

    @property
    def outside_ticket(self) -> int:
        return ticket_of(self.state.approach)

    def commanded(self, kind: type) -> list[int]:
        return [command.ticket for command in self.sent if isinstance(command, kind)]

    def follow(self) -> None:
        """The doors carry out the commands since the last time."""
        actions = {
            OpenEntry: (OPEN_ENTRY, "open_entry"),
            CloseEntry: (SHUT_ENTRY, "close_entry"),
            OpenExit: (OPEN_EXIT, "open_exit"),
            Close: (SHUT_EXIT, "close"),
        }
        for _ in range(8):
            todo = self.sent[self.seen :]
            self.seen = len(self.sent)
            moves = [command for command in todo if type(command) in actions]
            if not moves:
                return
            for command in moves:
                changes, action = actions[type(command)]
                self.done_for(command.ticket, action)
                self.move(**changes)

    def done_for(self, ticket: int, action: str, *, ok: bool = True) -> None:
        self.put(ActuationDone(ticket=ticket, action=action, ok=ok))

    def put_durable(self, ticket: int, kind: RecordKind) -> None:
        self.put(Appended(ticket=ticket, kind=kind, seq=1))

    def arrive(self) -> None:
        """A person comes to the reader before the entry and puts the document down."""
        self.move(approach=Zone.ONE)
        self.put(DocumentPresented())

    def come_in(self) -> None:
        """Through the open entry into the chamber, and the door shuts behind."""
        self.follow()
        self.move(zone=Zone.ONE, approach=Zone.EMPTY)
        self.follow()

    def go_out(self) -> None:
        """Through the open exit, which shuts behind."""
        self.follow()
        self.move(beyond=Zone.ONE)
        self.move(zone=Zone.EMPTY)
        self.move(beyond=Zone.EMPTY)
        self.follow()

    def admit(self) -> None:
        """A face that satisfies, and both records durable."""
        self.look()
        self.durable(RecordKind.DECISION, RecordKind.ACTUATION)
