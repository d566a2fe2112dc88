"""The models of one tier, opened by their role.

A tier names what it requires and what it uses when it is installed (`models.manifest`); here a
role becomes a loaded network, predictor or cohort, and the hash of each file used is kept as
evidence.
"""

from __future__ import annotations

from pathlib import Path

from biometrics import cohort, quality
from biometrics.cohort import Cohort
from biometrics.convert.landmarks import read as read_landmarks
from biometrics.detect import FrontEnd, HogFrontEnd, YunetFrontEnd
from biometrics.dlib_models import HogDetector, Landmarks5
from biometrics.errors import ModelRefused
from biometrics.landmarks import Landmarks68
from biometrics.match import Embedder
from biometrics.models import store as models
from biometrics.models.manifest import Manifest, Model, Weighting
from biometrics.onnx import Execution, OnnxSession
from biometrics.pad import AttackDetector
from biometrics.types import Tier


class TierModels:
    """Opens the models of a tier by role.

    Args:
        store: the folder that `models.store` fills.
        manifest: lists the tier.
        tier: a tier of the manifest.
        execution: what computes the networks.

    Attributes:
        used: SHA-256 by the name of each model opened so far.

    Every method raises:
        ModelMissing: a required model is not installed.
        ModelRefused: an installed model is not the manifest's.
    """

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
        """Dlib's five-point predictor, None in a tier whose detector marks points itself."""
        name = self._named("landmarks")
        return None if name is None else Landmarks5(self._file(name))

    def front_end(self, landmarks: Landmarks5 | None) -> FrontEnd:
        """The detector with its landmarks."""
        name, hog = self._named("detect"), self._named("hog")
        if name is not None:
            return YunetFrontEnd(self._session(name))
        if landmarks is None or hog is None:
            raise ModelRefused("a tier needs a detector, or dlib's detector and landmarks")
        return HogFrontEnd(HogDetector(self._file(hog)), landmarks)

    def _session(self, name: str) -> OnnxSession:
        model = self._manifest.model(name)
        session = models.open_session(model, models.read(self._store, model), self._execution)
        self.used[name] = model.sha256
        return session

    def embedder(self, name: str) -> Embedder:
        """The network of that name."""
        contract = self._manifest.model(name).contract
        if contract is None:
            raise ModelRefused(f"{name}: has no contract in the manifest")
        return Embedder(self._session(name), contract)

    def marks(self) -> Landmarks68 | None:
        """The 68-point predictor, None without it."""
        model = self._optional_model("marks")
        if model is None:
            return None
        self.used[model.name] = model.sha256
        return Landmarks68(read_landmarks(models.read(self._store, model)))

    def cohort(self, networks: list[Weighting]) -> Cohort | None:
        """The cohort of strangers for these networks, None where none is installed."""
        path = self._store / cohort.file_name(self._tier)
        if not path.is_file():
            return None
        return cohort.read(path, self.used, [w.model for w in networks])

    def learned_quality(self) -> quality.LearnedQuality | None:
        """The network that grades quality, None without it."""
        model = self._optional_model("quality")
        if model is None:
            return None
        if model.contract is None:
            raise ModelRefused(f"{model.name}: has no contract in the manifest")
        return quality.LearnedQuality(self._session(model.name), model.contract)

    def attack_detector(self) -> AttackDetector | None:
        """The network for presentation attacks, None without it."""
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
