"""From a picture to a template, and from a live frame to an observation.

Stages run cheapest first and stop as soon as a later one cannot count: no face, then a
picture that misses the profile's limits, then attack detection, then the comparison. Between
stages the clock is read: what a frame's budget does not cover is left undone and reported
by its absence (`match` None, liveness not run); nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from biometrics import align, eyes, image, occlusion, quality
from biometrics.detect import DetectedFace, main_face
from biometrics.dlib_models import Box
from biometrics.errors import ModelMissing, Uncalibrated
from biometrics.image import Picture
from biometrics.match import Embedding, Template, compare
from biometrics.models.authority import manifest_of
from biometrics.models.golden import check_golden, golden_cosines
from biometrics.models.manifest import (
    Calibration,
    Contract,
    Manifest,
    Weighting,
)
from biometrics.onnx import Execution, give_back_memory
from biometrics.pad import NOT_RUN, WITHOUT_MODEL
from biometrics.quality import CloseLook
from biometrics.tier_models import TierModels
from biometrics.track import Track, attacked
from biometrics.types import (
    Guidance,
    Liveness,
    Match,
    ModelsUsed,
    Observation,
    QualityComponent,
    Tier,
)
from firmware_cfg.profile import QualityLimits


@dataclass(frozen=True)
class Unusable:
    """Why no template could be made of a picture: `no_face`."""

    reason: str


@dataclass(frozen=True)
class FrameResult:
    """The observation of one live frame, and where its face is (None: no face found)."""

    observation: Observation
    box: Box | None
    overrun: bool = False


@dataclass(frozen=True)
class PictureResult:
    """What was measured on one picture. Without a face only `faces` (0) is set."""

    faces: int
    face: DetectedFace | None = None
    quality: tuple[QualityComponent, ...] = ()
    liveness: Liveness = NOT_RUN
    template: Template | None = None


def run_in_order(tasks: Sequence[Callable[[], None]]) -> None:
    """Run tasks one after the other, in the caller's thread."""
    for task in tasks:
        task()


class Pipeline:
    """The models of one tier, loaded, with the way from pixels to scores.

    Args:
        tier: the models to use; its required ones must be installed.
        store: the folder that `models.store` fills.
        limits: what a live face must reach to be compared; None compares any face.
        expected_face_px: width of a traveller's face in the camera's picture.
        clock: monotonic nanoseconds, for the budget of a frame.
        manifest: of the models; None is the one that comes with the project.
        run_tasks: runs tasks, in parallel where it can, and returns after the last.
        execution: what computes the networks.

    Raises:
        ModelMissing: a required model is not installed.
        ModelRefused: an installed model is not the manifest's.
    """

    def __init__(
        self,
        tier: Tier,
        store: Path,
        limits: QualityLimits | None,
        expected_face_px: float,
        clock: Callable[[], int],
        manifest: Manifest | None = None,
        run_tasks: Callable[[Sequence[Callable[[], None]]], None] = run_in_order,
        execution: Execution = "cpu",
    ) -> None:
        manifest = manifest or manifest_of(store)
        if tier not in manifest.tiers:
            raise ModelMissing(f"tier {tier}: not in the manifest")
        opened = TierModels(store, manifest, tier, execution)
        self.tier = tier
        self.calibration: Calibration = manifest.tiers[tier].calibration
        self._limits = limits
        self._expected_face_px = expected_face_px
        self._clock = clock
        self._landmarks = opened.landmarks()
        self._front_end = opened.front_end(self._landmarks)
        self._embedders = {w: opened.embedder(w.model) for w in self.calibration.networks}
        made = self._embedders.items()
        run_tasks([partial(check_golden, one, w.model, self.calibration) for w, one in made])
        self._attack = opened.attack_detector()
        self._learned = opened.learned_quality()
        self._marks = opened.marks()
        self._run_tasks = run_tasks
        self._cohort = opened.cohort(list(self._embedders))
        self.models = ModelsUsed(tier=tier, sha256=opened.used, pad=self._attack is not None)
        give_back_memory()

    @property
    def unmeasurable(self) -> tuple[str, ...]:
        """Components of quality that the installed models cannot measure on any picture."""
        layout = "yunet" if self._landmarks is None else "dlib"
        return quality.unmeasurable(layout, marks=self._marks is not None)

    def threshold(self, fmr: float) -> float:
        """The calibrated threshold for a false match rate.

        Raises:
            Uncalibrated: no threshold is as strict as that, or the rate is above the ceiling
                of the calibration.
        """
        if fmr > self.calibration.fmr_ceiling * (1 + 1e-9):
            ceiling = self.calibration.fmr_ceiling
            raise Uncalibrated(f"a false match rate of {fmr:g} is above the ceiling of {ceiling:g}")
        return self.calibration.at(fmr).threshold

    def golden(self) -> dict[str, tuple[float, float, float]]:
        """What each network makes of the golden pairs, for a calibration of one's own."""
        return {w.model: golden_cosines(made) for w, made in self._embedders.items()}

    def reference(self, portrait: bytes | Picture) -> Template | Unusable:
        """Make the template of a portrait: the largest, most central face counts.

        Raises:
            ImageRefused: coded bytes do not decode or exceed the limits.
        """
        picture = image.decode(portrait) if isinstance(portrait, bytes) else portrait
        face = self.face(picture)
        if face is None:
            return Unusable("no_face")
        return self._template(picture, face)

    def face(self, picture: Picture) -> DetectedFace | None:
        """The main face of a picture of unknown framing."""
        return main_face(self._front_end.find_any(picture), picture)

    def examine(self, picture: Picture, *, attacks: bool = False) -> PictureResult:
        """Everything about a picture of unknown framing; limits hold where there are any.

        Args:
            picture: RGB.
            attacks: whether to look for a presentation attack too.
        """
        faces = self._front_end.find_any(picture)
        face = main_face(faces, picture)
        if face is None:
            return PictureResult(0)
        return PictureResult(
            faces=len(faces),
            face=face,
            quality=self._quality(picture, face, faces),
            liveness=self._attack.look(picture, face) if attacks and self._attack else NOT_RUN,
            template=self._template(picture, face),
        )

    def observe(
        self,
        frame: bytes | Picture,
        frame_at_ns: int,
        reference: Template | None,
        fmr: float,
        budget_ns: int | None = None,
        track: Track | None = None,
    ) -> FrameResult:
        """Look at one live frame and compare its main face with the reference, if any.

        `track` gathers the evidence of all frames of one verification; without it the
        frame stands for itself. While the track has not settled, nothing is compared.

        Raises:
            ImageRefused: coded bytes do not decode or exceed the limits.
            Uncalibrated: no threshold is calibrated for `fmr`.
        """
        self.threshold(fmr)
        end_ns = None if budget_ns is None else self._clock() + budget_ns
        picture = image.decode(frame) if isinstance(frame, bytes) else frame
        faces = self._front_end.find(picture, self._expected_face_px)
        face = main_face(faces, picture)
        if face is None:
            empty = Observation(
                frame_at_ns=frame_at_ns, faces=0, quality=(), guidance=Guidance.NO_FACE,
                liveness=NOT_RUN, match=None,
            )  # fmt: skip
            return FrameResult(empty, None)
        if track is not None:
            track.add_frame(picture, face, frame_at_ns)
        components: tuple[QualityComponent, ...] = ()
        liveness, match, advice = NOT_RUN, None, Guidance.NONE
        if not (overrun := self._late(end_ns)):
            components = self._quality(picture, face, faces, in_place_only=True)
            components = components if track is None else track.tolerated(components)
            advice = quality.guidance(components)
        if advice is Guidance.NONE and not overrun and not (overrun := self._late(end_ns)):
            grade, live = self._examined(picture, face, embed=reference is not None)
            liveness = self._liveness(grade, track)
            if reference is not None and live is not None:
                match = self._match(reference, live, fmr, track, liveness, components)
        observation = Observation(
            frame_at_ns=frame_at_ns,
            faces=len(faces),
            quality=components,
            guidance=advice,
            liveness=liveness,
            match=match,
        )
        return FrameResult(observation, face.box, overrun)

    def _quality(
        self,
        picture: Picture,
        face: DetectedFace,
        faces: list[DetectedFace],
        *,
        in_place_only: bool = False,
    ) -> tuple[QualityComponent, ...]:
        """Every component; with `in_place_only` the slow ones only of a face in its place."""
        place = quality.place(face, faces, picture, self._limits)
        slow_too = not in_place_only or quality.guidance(place) is Guidance.NONE
        close = self._close_look(picture, face) if slow_too else None
        aligned = align.arcface(picture, face)
        parts = (*place, *quality.appearance(face, aligned, self._limits, close))
        aligned.fill(0)
        if self._learned is None or (
            in_place_only and quality.guidance(parts) is not Guidance.NONE
        ):
            return parts
        return (*parts, self._learned.grade(picture, face, self._limits))

    def _close_look(self, picture: Picture, face: DetectedFace) -> CloseLook:
        marks = self._marks.find(picture, face) if self._marks else None
        openness = eyes.openness_of(picture, face, marks)
        return CloseLook(marks, openness, occlusion.visible(picture, face, marks))

    def _examined(
        self, picture: Picture, face: DetectedFace, *, embed: bool
    ) -> tuple[Liveness, Template | None]:
        """Attack detection and embedding, in parallel where possible."""
        grades: list[Liveness] = []
        embeddings: dict[str, Embedding] = {}

        def grade() -> None:
            grades.append(self._attack.look(picture, face) if self._attack else NOT_RUN)

        def network(weighting: Weighting) -> Callable[[], None]:
            def run() -> None:
                embeddings[weighting.model] = self._embedding(picture, face, weighting)

            return run

        self._run_tasks([*(network(w) for w in self._embedders if embed), grade])
        return grades[0], Template(embeddings) if embed else None

    def _liveness(self, grade: Liveness, track: Track | None) -> Liveness:
        threshold = self._attack.threshold if self._attack else WITHOUT_MODEL
        return grade if track is None else track.liveness(grade, threshold)

    def _late(self, end_ns: int | None) -> bool:
        return end_ns is not None and self._clock() >= end_ns

    def _match(
        self,
        reference: Template,
        live: Template,
        fmr: float,
        track: Track | None,
        liveness: Liveness,
        components: Sequence[QualityComponent],
    ) -> Match | None:
        frames = 1
        if track is not None:
            live, frames = track.combined(live, quality.usefulness(components))
        undecided = track is not None and not track.settled and not attacked(liveness)
        result = None if undecided else compare(reference, live, self.calibration, fmr, frames)
        if track is not None and result is not None and self._cohort is not None:
            track.cohort_count = self._cohort.count(live, self.calibration, result.threshold)
        live.wipe()
        return result

    def _template(self, picture: Picture, face: DetectedFace) -> Template:
        return Template({w.model: self._embedding(picture, face, w) for w in self._embedders})

    def _embedding(self, picture: Picture, face: DetectedFace, weighting: Weighting) -> Embedding:
        embedder = self._embedders[weighting]
        chips = [self._chip(picture, face, embedder.contract, crop) for crop in weighting.crops]
        embedding = embedder.embed(*chips)
        for chip in chips:
            chip.fill(0)
        return embedding

    def _chip(
        self, picture: Picture, face: DetectedFace, contract: Contract, crop: float
    ) -> Picture:
        if contract.alignment == "dlib150":
            return align.dlib_chip(picture, face, self._landmarks, crop)
        return align.arcface(picture, face, contract.size_px, crop)
