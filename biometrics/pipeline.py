"""From a picture to a template, and from a live frame to an observation.

Stages run cheapest first and stop as soon as a later one cannot count: no face, then a
picture that misses the profile's limits, then attack detection, then the comparison. Between
stages the clock is looked at: what a frame's budget does not cover is left undone and said so
by its absence (`match` None, liveness not run), never waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from biometrics import align, cohort, eyes, image, quality
from biometrics.cohort import Cohort
from biometrics.convert.landmarks import read as read_landmarks
from biometrics.detect import Face, FrontEnd, HogFrontEnd, YunetFrontEnd, main_face
from biometrics.dlib_models import Box, HogDetector, Landmarks5
from biometrics.errors import ModelMissing, ModelRefused, Uncalibrated
from biometrics.image import Picture
from biometrics.landmarks import Landmarks68
from biometrics.match import Embedder, Embedding, Template, compare
from biometrics.models import store as models
from biometrics.models.authority import manifest_of
from biometrics.models.golden import check_golden, golden_cosines
from biometrics.models.manifest import (
    Calibration,
    Contract,
    Manifest,
    Model,
    Weighting,
)
from biometrics.onnx import Execution, Session, give_back_memory
from biometrics.pad import NOT_RUN, WITHOUT_MODEL, AttackDetector
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
class Look:
    """What one frame says, and where its face is (None: no face found)."""

    observation: Observation
    box: Box | None
    overrun: bool = False


@dataclass(frozen=True)
class Examined:
    """What one picture says by itself. Without a face only `faces` (0) is told."""

    faces: int
    face: Face | None = None
    quality: tuple[QualityComponent, ...] = ()
    liveness: Liveness = NOT_RUN
    template: Template | None = None


def in_turn(tasks: Sequence[Callable[[], None]]) -> None:
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
        beside: runs tasks, beside one another where it can, and returns after the last.
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
        beside: Callable[[Sequence[Callable[[], None]]], None] = in_turn,
        execution: Execution = "cpu",
    ) -> None:
        manifest = manifest or manifest_of(store)
        if tier not in manifest.tiers:
            raise ModelMissing(f"tier {tier}: not in the manifest")
        loader = _Loader(store, manifest, tier, execution)
        self.tier = tier
        self.calibration: Calibration = manifest.tiers[tier].calibration
        self._limits = limits
        self._expected_face_px = expected_face_px
        self._clock = clock
        self._landmarks = loader.landmarks()
        self._front_end = loader.front_end(self._landmarks)
        self._embedders = {w: loader.embedder(w.model) for w in self.calibration.networks}
        made = self._embedders.items()
        beside([partial(check_golden, one, w.model, self.calibration) for w, one in made])
        self._attack = loader.attack_detector()
        self._learned = loader.learned_quality()
        self._marks = loader.marks()
        self._beside = beside
        self._cohort = loader.cohort(list(self._embedders))
        self.models = ModelsUsed(tier=tier, sha256=loader.used, pad=self._attack is not None)
        give_back_memory()

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

    def face(self, picture: Picture) -> Face | None:
        """The main face of a picture of unknown framing."""
        return main_face(self._front_end.find_any(picture), picture)

    def examine(self, picture: Picture, *, attacks: bool = False) -> Examined:
        """Everything about a picture of unknown framing; limits hold where there are any.

        Args:
            picture: RGB.
            attacks: whether to look for a presentation attack too.
        """
        faces = self._front_end.find_any(picture)
        face = main_face(faces, picture)
        if face is None:
            return Examined(0)
        return Examined(
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
    ) -> Look:
        """Look at one live frame and compare its main face with the reference, if any.

        `track` gathers what the frames of one verification say together; without it the
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
            return Look(empty, None)
        if track is not None:
            track.see(picture, face, frame_at_ns)
        components: tuple[QualityComponent, ...] = ()
        liveness, match, advice = NOT_RUN, None, Guidance.NONE
        if not (overrun := self._late(end_ns)):
            components = self._quality(picture, face, faces, in_place_only=True)
            components = components if track is None else track.borne(components)
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
        return Look(observation, face.box, overrun)

    def _quality(
        self, picture: Picture, face: Face, faces: list[Face], *, in_place_only: bool = False
    ) -> tuple[QualityComponent, ...]:
        """Every component; the costly ones only of a face in its place where that is asked."""
        place = quality.place(face, faces, picture, self._limits)
        costly = not in_place_only or quality.guidance(place) is Guidance.NONE
        marks = self._marks.find(picture, face) if costly and self._marks else None
        aligned = align.arcface(picture, face)
        openness = eyes.openness_of(picture, face, marks) if costly else None
        parts = (*place, *quality.appearance(face, aligned, self._limits, marks, openness))
        aligned.fill(0)
        if self._learned is None or (
            in_place_only and quality.guidance(parts) is not Guidance.NONE
        ):
            return parts
        return (*parts, self._learned.grade(picture, face, self._limits))

    def _examined(
        self, picture: Picture, face: Face, *, embed: bool
    ) -> tuple[Liveness, Template | None]:
        """Attack detection and embedding, beside one another."""
        grades: list[Liveness] = []
        embeddings: dict[str, Embedding] = {}

        def grade() -> None:
            grades.append(self._attack.look(picture, face) if self._attack else NOT_RUN)

        def network(weighting: Weighting) -> Callable[[], None]:
            def run() -> None:
                embeddings[weighting.model] = self._embedding(picture, face, weighting)

            return run

        self._beside([*(network(w) for w in self._embedders if embed), grade])
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
            track.strangers = self._cohort.count(live, self.calibration, result.threshold)
        live.wipe()
        return result

    def _template(self, picture: Picture, face: Face) -> Template:
        return Template({w.model: self._embedding(picture, face, w) for w in self._embedders})

    def _embedding(self, picture: Picture, face: Face, weighting: Weighting) -> Embedding:
        embedder = self._embedders[weighting]
        chips = [self._chip(picture, face, embedder.contract, crop) for crop in weighting.crops]
        embedding = embedder.embed(*chips)
        for chip in chips:
            chip.fill(0)
        return embedding

    def _chip(self, picture: Picture, face: Face, contract: Contract, crop: float) -> Picture:
        if contract.alignment == "dlib150":
            return align.dlib_chip(picture, face, self._landmarks, crop)
        return align.arcface(picture, face, contract.size_px, crop)


class _Loader:
    """Opens the models of a tier by role and remembers the hash of each."""

    def __init__(self, store: Path, manifest: Manifest, tier: Tier, execution: Execution) -> None:
        self._execution = execution
        self._store = store
        self._manifest = manifest
        self._tier = tier
        entry = manifest.tiers[tier]
        self._models = [manifest.model(name) for name in (*entry.required, *entry.optional)]
        self._optional = set(entry.optional)
        self.used: dict[str, str] = {}

    def _named(self, role: str) -> str | None:
        return next((m.name for m in self._models if m.role == role), None)

    def _file(self, name: str) -> Path:
        model = self._manifest.model(name)
        models.read(self._store, model)
        self.used[name] = model.sha256
        return self._store / model.file

    def landmarks(self) -> Landmarks5 | None:
        name = self._named("landmarks")
        return None if name is None else Landmarks5(self._file(name))

    def front_end(self, landmarks: Landmarks5 | None) -> FrontEnd:
        name, hog = self._named("detect"), self._named("hog")
        if name is not None:
            return YunetFrontEnd(self._session(name))
        if landmarks is None or hog is None:
            raise ModelRefused("a tier needs a detector, or dlib's detector and landmarks")
        return HogFrontEnd(HogDetector(self._file(hog)), landmarks)

    def _session(self, name: str) -> Session:
        model = self._manifest.model(name)
        session = models.open_session(model, models.read(self._store, model), self._execution)
        self.used[name] = model.sha256
        return session

    def embedder(self, name: str) -> Embedder:
        contract = self._manifest.model(name).contract
        if contract is None:
            raise ModelRefused(f"{name}: has no contract in the manifest")
        return Embedder(self._session(name), contract)

    def marks(self) -> Landmarks68 | None:
        model = self._optional_model("marks")
        if model is None:
            return None
        self.used[model.name] = model.sha256
        return Landmarks68(read_landmarks(models.read(self._store, model)))

    def cohort(self, networks: list[Weighting]) -> Cohort | None:
        path = self._store / cohort.file_name(self._tier)
        if not path.is_file():
            return None
        return cohort.read(path, self.used, [w.model for w in networks])

    def learned_quality(self) -> quality.LearnedQuality | None:
        model = self._optional_model("quality")
        if model is None:
            return None
        if model.contract is None:
            raise ModelRefused(f"{model.name}: has no contract in the manifest")
        return quality.LearnedQuality(self._session(model.name), model.contract)

    def attack_detector(self) -> AttackDetector | None:
        model = self._optional_model("pad")
        if model is None:
            return None
        if model.contract is None or model.threshold is None:
            raise ModelRefused(f"{model.name}: has no contract or threshold in the manifest")
        return AttackDetector(self._session(model.name), model.contract, model.threshold)

    def _optional_model(self, role: str) -> Model | None:
        """The tier's model of a role; None where it has none, or may do without it and does."""
        name = self._named(role)
        if name is None:
            return None
        model = self._manifest.model(name)
        if name in self._optional and not (self._store / model.file).is_file():
            return None
        return model
