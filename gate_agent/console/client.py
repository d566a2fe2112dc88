"""The console's end of the lane API: follows several lanes, each over its own socket.

A lane that cannot be reached, falls silent or breaks the protocol is shown as away and
tried again, with a growing pause; the others are not affected.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from gate_agent.console.config import LaneAddress
from gate_agent.lane_api import channel
from gate_agent.lane_api.actions import DECISIONS
from gate_agent.lane_api.api import (
    Action,
    ActionResult,
    Beat,
    BeatAnswer,
    Challenge,
    Delta,
    FromLane,
    Lease,
    Picture,
    PictureRequest,
    Refused,
    Role,
    Snapshot,
    ToLane,
    View,
)
from gate_agent.lane_api.channel import ChannelError, FrameReader
from gate_agent.lane_api.client import LaneAway, authentication

ACTION_VALID_MS = 2_500
"""Shorter than `Waits.answer_s`: what was not answered in time is not taken later either."""
MAX_PENDING = 8

AWAY = "The lane does not answer. Nothing was done. Give it again when the lane is back."
NOT_ANSWERED = (
    "Not taken: the lane did not answer in time. Look at the lane, then give the decision again."
)

log = logging.getLogger("egate.console")


@dataclass(frozen=True, kw_only=True)
class Waits:
    """Time limits of the client.

    A lane sends at least a heartbeat every second, and answers a beat at once: it is away when
    it did not within `beat_answer_s`. With `beat_pause_s` between beats that is known within 3 s.
    """

    backoff_min_s: float = 0.25
    backoff_max_s: float = 4.0
    connect_s: float = 2.0
    silence_s: float = 4.0
    answer_s: float = 3.0
    picture_s: float = 1.0
    beat_pause_s: float = 0.5
    beat_answer_s: float = 2.0


class Lane:
    """One lane as the console sees it. `view` is None and `away` says why while it is away."""

    def __init__(
        self,
        address: LaneAddress,
        utc_ms: Callable[[], int],
        random: Callable[[int], bytes],
        changed: Callable[[int], None],
        waits: Waits,
    ) -> None:
        self.number = address.number
        self.view: View | None = None
        self.demo = False  # as the lane last said
        self.away = "not connected yet"
        self.away_since_utc_ms = utc_ms()
        self._address = address
        self._utc_ms = utc_ms
        self._random = random
        self._changed = changed
        self._waits = waits
        self._writer: asyncio.StreamWriter | None = None
        self._actions: dict[str, asyncio.Future[ActionResult]] = {}
        self._pictures: dict[int, asyncio.Future[bytes]] = {}
        self._requests = 0
        self._plain: dict[str, Any] = {}
        self._seq = 0
        self._beats = 0
        self._answered = asyncio.Event()

    async def run(self) -> None:
        """Follow the lane until cancelled."""
        pause_s = self._waits.backoff_min_s
        while True:
            try:
                await self._follow()
            except (LaneAway, ChannelError) as error:
                diagnosis = error.diagnosis
            except (OSError, TimeoutError) as error:
                diagnosis = getattr(error, "strerror", None) or "no answer"
            if self.view is not None:
                pause_s = self._waits.backoff_min_s
            self._leave(diagnosis)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._waits.backoff_max_s)

    async def act(
        self,
        *,
        action: str,
        officer: str,
        ticket: int,
        reason: str,
        evidence_sha256: str,
        nonce: str = "",
        note: str = "",
    ) -> str | None:
        """Send an officer's action; None when the lane took it, else a message for the officer.

        Actions on the lane itself name no crossing, whatever was on the page. An action that
        is given again with its `nonce` is done once; without one it is a new action.
        """
        if action not in DECISIONS:
            ticket, evidence_sha256 = 0, ""
        if nonce in self._actions:
            return "This decision is under way. Wait a moment."
        nonce = nonce or base64.urlsafe_b64encode(self._random(18)).decode()
        message = Action(
            nonce=nonce,
            ticket=ticket,
            action=action,
            officer=officer,
            reason=reason,
            evidence_sha256=evidence_sha256,
            expires_utc_ms=self._utc_ms() + ACTION_VALID_MS,
            note=note,
        )
        if len(self._actions) >= MAX_PENDING:
            return "The lane is busy. Try again."
        answer: asyncio.Future[ActionResult] = asyncio.get_running_loop().create_future()
        self._actions[nonce] = answer
        try:
            if not self._send(message):
                return AWAY
            result = await asyncio.wait_for(answer, self._waits.answer_s)
        except TimeoutError:
            return NOT_ANSWERED
        finally:
            self._actions.pop(nonce, None)
        if result.ok or result.done:
            return None
        return result.error or "The lane refused."

    async def picture(self, ticket: int, kind: str) -> bytes:
        """The live or the chip portrait of this ticket, b"" when there is nothing to show."""
        if len(self._pictures) >= MAX_PENDING:
            return b""
        self._requests += 1
        request = self._requests
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pictures[request] = answer
        try:
            if not self._send(PictureRequest(request=request, ticket=ticket, kind=kind)):
                return b""
            return await asyncio.wait_for(answer, self._waits.picture_s)
        except TimeoutError:
            return b""
        finally:
            self._pictures.pop(request, None)

    def lease(self, officer: str) -> None:
        """Report that this officer is at the console. Does nothing while the lane is away."""
        self._send(Lease(officer=officer))

    def _send(self, message: ToLane) -> bool:
        writer = self._writer
        if writer is None or writer.is_closing():
            return False
        if writer.transport.get_write_buffer_size() > 65_536:
            writer.transport.abort()
            return False
        writer.write(channel.encode(message))
        return True

    async def _follow(self) -> None:
        async with asyncio.timeout(self._waits.connect_s):
            reader, writer = await asyncio.open_unix_connection(str(self._address.socket))
        tasks = (
            asyncio.create_task(self._read(reader, writer)),
            asyncio.create_task(self._beat(writer)),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            self._writer = None
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        frames: FrameReader[FromLane] = FrameReader(FromLane)
        while True:
            async with asyncio.timeout(self._waits.silence_s):
                data = await reader.read(65_536)
            if not data:
                raise LaneAway("the lane closed the connection")
            for message in frames.feed(data):
                self._receive(message, writer)

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        """Ask the lane for a sign of life, again and again, from its first view on.

        Raises:
            LaneAway: a beat was not answered in time.
        """
        while True:
            if self._writer is writer:
                self._beats += 1
                self._answered.clear()
                self._send(Beat(number=self._beats))
                try:
                    await asyncio.wait_for(self._answered.wait(), self._waits.beat_answer_s)
                except TimeoutError:
                    raise LaneAway("the lane does not answer") from None
            await asyncio.sleep(self._waits.beat_pause_s)

    def _receive(self, message: FromLane, writer: asyncio.StreamWriter) -> None:
        match message:
            case Challenge():
                answer = authentication(message, Role.CONSOLE, self._address.key)
                writer.write(channel.encode(answer))
            case Snapshot():
                self._writer = writer
                self._plain = msgspec.to_builtins(message.view)
                self._show(message.view, message.seq)
            case Delta():
                self._apply(message)
            case BeatAnswer():
                if message.number == self._beats:
                    self._answered.set()
            case ActionResult():
                _settle(self._actions.get(message.nonce), message)
            case Picture():
                _settle(self._pictures.get(message.request), message.jpeg)
            case Refused():
                raise LaneAway(f"the lane refused: {message.reason}")

    def _apply(self, delta: Delta) -> None:
        if not delta.changes and delta.seq == self._seq:
            return
        if delta.seq != self._seq + 1:
            raise LaneAway("a change of the view was missed")
        self._plain.update(delta.changes)
        try:
            view = msgspec.convert(self._plain, View)
        except msgspec.ValidationError as error:
            raise LaneAway(f"the view does not decode: {error}") from error
        self._show(view, delta.seq)

    def _show(self, view: View, seq: int) -> None:
        if self.view is None:
            log.info("lane %d: connected", self.number)
        self.view, self.away, self._seq = view, "", seq
        self.demo = view.demo
        self._changed(self.number)

    def _leave(self, diagnosis: str) -> None:
        if not self.away:
            log.warning("lane %d: away: %s", self.number, diagnosis)
            self.away_since_utc_ms = self._utc_ms()
        changed = self.away != diagnosis
        self.view, self.away, self._plain = None, diagnosis, {}
        for action in self._actions.values():
            if not action.done():
                action.set_exception(TimeoutError())
        for picture in self._pictures.values():
            _settle(picture, b"")
        if changed:
            self._changed(self.number)


def _settle(future: asyncio.Future[Any] | None, value: object) -> None:
    if future is not None and not future.done():
        future.set_result(value)


class Subscription:
    """Which lanes have changed since the last `changes`; bounded, since only the newest counts."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._event = asyncio.Event()

    def note(self, number: int) -> None:
        """A lane has changed."""
        self._numbers.add(number)
        self._event.set()

    async def changes(self, timeout_s: float) -> set[int]:
        """Wait for changes, at most so long; give the lanes that changed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), timeout_s)
        self._event.clear()
        numbers, self._numbers = self._numbers, set()
        return numbers


class Bank:
    """Several lanes, followed at once."""

    def __init__(
        self,
        addresses: tuple[LaneAddress, ...],
        utc_ms: Callable[[], int],
        random: Callable[[int], bytes],
        waits: Waits | None = None,
    ) -> None:
        self._subscriptions: set[Subscription] = set()
        self.lanes = {
            address.number: Lane(address, utc_ms, random, self._notify, waits or Waits())
            for address in addresses
        }

    async def run(self) -> None:
        """Follow all lanes until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for lane in self.lanes.values():
                tasks.create_task(lane.run())

    def lease(self, officer: str) -> None:
        """Renew every lane's lease for this officer."""
        for lane in self.lanes.values():
            lane.lease(officer)

    @contextlib.contextmanager
    def subscribed(self) -> Iterator[Subscription]:
        """A subscription for the length of a `with` block."""
        subscription = Subscription()
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def _notify(self, number: int) -> None:
        for subscription in self._subscriptions:
            subscription.note(number)
