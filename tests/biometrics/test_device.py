"""Vision as a device: tickets, deadlines, limits and wiping, with the packaged models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from face_records import dg2

from biometrics import image
from biometrics.device import MAX_CROSSINGS, VisionDevice
from biometrics.errors import Uncalibrated
from biometrics.pipeline import Pipeline
from biometrics.track import GAP_MAX_NS, LEAST_FRAMES
from biometrics.types import (
    Guidance,
    Observation,
    Observed,
    PortraitPrepared,
    Prepare,
    StartVerify,
    StopVerify,
    Tier,
    VerifyEnded,
    VerifyLimits,
)

MS = 1_000_000
LIMITS = VerifyLimits(fmr=1e-3, budget_ms=5_000, frame_budget_ms=250)
EMPTY_ROOM = np.full((360, 640, 3), 90, np.uint8)


class Clock:
    """Stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.step_ns = 0

    def __call__(self) -> int:
        self.now_ns += self.step_ns
        return self.now_ns


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def pipeline(packaged: Path, clock: Clock) -> Pipeline:
    return Pipeline(Tier.PACKAGED, packaged, None, 100, clock)


@pytest.fixture
def device(pipeline: Pipeline, clock: Clock) -> VisionDevice:
    clock.step_ns = 0
    return VisionDevice(lambda: pipeline, frame_age_max_ms=500)


@pytest.fixture(scope="module")
def faces(shared: Callable[..., Path]) -> Callable[[str, int], bytes]:
    folder = shared("faces", "lfw_dev")
    several = [p for p in sorted(folder.iterdir()) if len(list(p.glob("*.jpg"))) >= 4]

    def picture(which: str, number: int) -> bytes:
        person = several[3] if which == "holder" else several[40]
        return sorted(person.glob("*.jpg"))[number].read_bytes()

    return picture


def prepare(device: VisionDevice, ticket: int, coded: bytes) -> PortraitPrepared:
    device.command(Prepare(ticket=ticket, portrait="h"), {"h": bytearray(dg2(coded))}, 0)
    (event,) = device.events()
    assert isinstance(event, PortraitPrepared)
    return event


def look(device: VisionDevice, frame: Any, at_ns: int = 0) -> Observed:
    device.step(frame, at_ns, at_ns)
    (event,) = device.events()
    assert isinstance(event, Observed)
    return event


def walk(device: VisionDevice, *pictures: bytes) -> list[Observation]:
    """Frames an eighth of a second apart."""
    return [
        look(device, picture, number * 125 * MS).observation
        for number, picture in enumerate(pictures)
    ]


def test_a_genuine_face_scores_above_and_an_impostor_below(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    assert prepare(device, 7, faces("holder", 0)).usable
    scores = {}
    for who in ("holder", "impostor"):
        device.command(StartVerify(ticket=7, limits=LIMITS), {}, 0)
        assert device.wants_frame
        seen = walk(device, *[faces(who, 1)] * LEAST_FRAMES)
        assert all(frame.match is None for frame in seen[:-1])
        assert seen[-1].match is not None
        scores[who] = seen[-1].match
        device.command(StopVerify(ticket=7), {}, 0)
        device.events()
    assert scores["holder"].score >= scores["holder"].threshold > scores["impostor"].score


def test_another_person_in_the_same_place_starts_again(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    prepare(device, 7, faces("holder", 0))
    device.command(StartVerify(ticket=7, limits=LIMITS), {}, 0)
    impostor = [faces("impostor", 1)] * LEAST_FRAMES
    seen = walk(device, *impostor, *[faces("holder", 1)] * LEAST_FRAMES)
    compared = [frame.match is not None for frame in seen]
    assert compared == [False, False, True, False, False, True]
    assert seen[-1].match is not None
    assert seen[-1].match.score >= seen[-1].match.threshold


def test_a_face_that_was_away_starts_again(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    prepare(device, 7, faces("holder", 0))
    device.command(StartVerify(ticket=7, limits=LIMITS), {}, 0)
    walk(device, *[faces("holder", 1)] * LEAST_FRAMES)
    late = look(device, faces("holder", 1), 250 * MS + GAP_MAX_NS + 1).observation
    assert late.match is None


@pytest.mark.parametrize("file", [b"", b"\x75\x00", dg2(b"\xff\xd8\xff\xd9")])
def test_an_unreadable_portrait_is_an_answer(device: VisionDevice, file: bytes) -> None:
    device.command(Prepare(ticket=1, portrait="h"), {"h": bytearray(file)}, 0)
    (event,) = device.events()
    assert isinstance(event, PortraitPrepared)
    assert not event.usable
    assert event.detail


def test_a_portrait_is_overwritten_once_it_is_decoded(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    for file in (dg2(faces("Abdullah_Gul", 2)), b"\x75\x00", dg2(b"\xff\xd8\xff\xd9")):
        given = bytearray(file)
        device.command(Prepare(ticket=1, portrait="h"), {"h": given}, 0)
        assert given == bytes(len(file))


def test_a_missing_payload_is_an_answer(device: VisionDevice) -> None:
    device.command(Prepare(ticket=1, portrait="h"), {}, 0)
    (event,) = device.events()
    assert isinstance(event, PortraitPrepared)
    assert not event.usable


def test_a_portrait_without_a_face_is_an_answer(device: VisionDevice) -> None:
    event = prepare(device, 1, image.encode_jpeg(EMPTY_ROOM))
    assert (event.usable, event.detail) == (False, "no_face")


def test_without_a_reference_nothing_matches(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    device.command(StartVerify(ticket=9, limits=LIMITS), {}, 0)
    seen = look(device, faces("holder", 1)).observation
    assert seen.faces == 1
    assert seen.match is None


def test_an_empty_room_asks_for_a_face(device: VisionDevice) -> None:
    device.command(StartVerify(ticket=9, limits=LIMITS), {}, 0)
    seen = look(device, EMPTY_ROOM.copy()).observation
    assert (seen.faces, seen.guidance, seen.match) == (0, Guidance.NO_FACE, None)


def test_it_ends_by_its_own_deadline_without_frames(device: VisionDevice) -> None:
    device.command(StartVerify(ticket=4, limits=LIMITS), {}, 10 * MS)
    assert device.due_ns == 5_010 * MS
    device.expire(5_010 * MS - 1)
    assert device.events() == []
    device.expire(5_010 * MS)
    assert device.events() == [VerifyEnded(ticket=4, frames=0, dropped=0)]
    assert device.due_ns is None
    assert not device.wants_frame


def test_a_late_frame_ends_it_instead_of_being_looked_at(device: VisionDevice) -> None:
    device.command(StartVerify(ticket=4, limits=LIMITS), {}, 0)
    device.step(EMPTY_ROOM.copy(), 5_000 * MS, 5_000 * MS)
    assert device.events() == [VerifyEnded(ticket=4, frames=0, dropped=0)]


def test_stopping_answers_once_and_only_for_its_ticket(device: VisionDevice) -> None:
    device.command(StartVerify(ticket=4, limits=LIMITS), {}, 0)
    device.command(StopVerify(ticket=5), {}, 0)
    assert device.events() == []
    device.command(StopVerify(ticket=4), {}, 0)
    device.command(StopVerify(ticket=4), {}, 0)
    assert device.events() == [VerifyEnded(ticket=4, frames=0, dropped=0)]


def test_stale_future_and_damaged_frames_are_dropped(device: VisionDevice) -> None:
    device.command(StartVerify(ticket=4, limits=LIMITS), {}, 0)
    device.step(EMPTY_ROOM.copy(), 0, 501 * MS)
    device.step(EMPTY_ROOM.copy(), 502 * MS, 501 * MS)
    device.step(b"not a picture", 501 * MS, 501 * MS)
    device.command(StopVerify(ticket=4), {}, 0)
    assert device.events() == [VerifyEnded(ticket=4, frames=0, dropped=3)]


def test_over_its_budget_a_frame_is_reported_without_a_comparison(
    device: VisionDevice, clock: Clock, faces: Callable[[str, int], bytes]
) -> None:
    prepare(device, 7, faces("holder", 0))
    device.command(StartVerify(ticket=7, limits=LIMITS), {}, 0)
    clock.step_ns = 251 * MS
    assert look(device, faces("holder", 1)).observation.match is None
    device.command(StopVerify(ticket=7), {}, 0)
    assert device.events() == [VerifyEnded(ticket=7, frames=1, dropped=1)]


def test_a_rate_without_a_calibration_is_a_fault(device: VisionDevice) -> None:
    strict = VerifyLimits(fmr=1e-6, budget_ms=1000, frame_budget_ms=100)
    with pytest.raises(Uncalibrated):
        device.command(StartVerify(ticket=4, limits=strict), {}, 0)
    assert not device.wants_frame


def test_no_more_than_two_crossings_are_held(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    for ticket in range(1, 5):
        prepare(device, ticket, faces("holder", 0))
    held = [t for t in range(1, 5) if device.picture(t, "chip")]
    assert held == [3, 4]
    assert len(held) == MAX_CROSSINGS


def test_wiping_overwrites_what_a_crossing_left(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    prepare(device, 7, faces("holder", 0))
    device.command(StartVerify(ticket=7, limits=LIMITS), {}, 0)
    frame = image.decode(faces("holder", 1))
    look(device, frame)
    held = device._crossings[7]
    assert held.portrait is not None
    assert held.live is not None
    assert held.template is not None
    buffers = [held.portrait, held.live, *held.template.embeddings.values()]
    assert device._verification is not None
    for _, live in device._verification.track._best:
        buffers += list(live.embeddings.values())
    assert len(buffers) == 4
    assert all(buffer.any() for buffer in buffers)
    assert not frame.any()
    device.wipe(7)
    assert not any(buffer.any() for buffer in buffers)
    assert device.picture(7, "live") == b""
    assert device.events() == [VerifyEnded(ticket=7, frames=1, dropped=0)]


def test_pictures_for_a_viewer(device: VisionDevice, faces: Callable[[str, int], bytes]) -> None:
    prepare(device, 7, faces("holder", 0))
    assert device.picture(7, "live") == b""
    device.command(StartVerify(ticket=7, limits=LIMITS), {}, 0)
    look(device, faces("holder", 1))
    for kind in ("live", "chip"):
        shown = image.decode(device.picture(7, kind))
        assert max(shown.shape) <= 480
        assert shown.std() > 10
    assert device.picture(7, "template") == b""
    assert device.picture(8, "live") == b""


def test_nothing_of_a_face_is_in_a_representation(
    device: VisionDevice, faces: Callable[[str, int], bytes]
) -> None:
    prepare(device, 7, faces("holder", 0))
    template = device._crossings[7].template
    assert "array" not in repr(template)
