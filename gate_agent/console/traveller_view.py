"""From a lane's view to the traveller's display: a scene and a hint, nothing else.

A PAD alarm, a hit in a list and an ordinary referral give the same scene, without a hint,
so that they look alike at the display.
"""

from __future__ import annotations

import msgspec

from biometrics.types import Guidance
from gate_agent.console.display_language import Scene
from gate_agent.console.sentences import GUIDANCE, SCENES, Text, languages_for
from gate_agent.lane_api.api import Step, View

ANOTHER_CARD = "another_card"
"""The step of a reading that met another card than the passport (`drivers.types.ReadStep`)."""

STEPS = (Scene.DOCUMENT, Scene.READING, Scene.CAMERA, Scene.GO)

_SCENE_OF_STEP = {
    Step.CLOSED: Scene.CLOSED,
    Step.WAITING: Scene.DOCUMENT,
    Step.READING: Scene.READING,
    Step.VERIFYING: Scene.CAMERA,
    Step.DECIDING: Scene.WAIT,
    Step.CROSSING: Scene.GO,
    Step.REFERRED: Scene.OFFICER,
    Step.LEAVING: Scene.LEAVE,
    Step.ENTERING: Scene.GO,
    Step.PRESENTING: Scene.DOCUMENT,
    Step.QUEUED: Scene.WAIT,
    Step.GOING_BACK: Scene.LEAVE,
}

_PROGRESS = {
    Scene.DOCUMENT: 1,
    Scene.READING: 2,
    Scene.OTHER_CARDS: 2,
    Scene.CAMERA: 3,
    Scene.WAIT: 3,
    Scene.GO: 4,
}


class TravellerView(msgspec.Struct, frozen=True, kw_only=True):
    """All that the traveller's display gets. `progress` is 0 (none) or 1..4 of `STEPS`.

    `text` and `hint` come in every language, so that a traveller can choose another one at
    the display; `languages` are the two that are shown unless they do.
    """

    scene: Scene
    text: Text
    languages: tuple[str, str] = languages_for("")
    hint: Text | None = None
    guidance: str = "none"
    progress: int = 0
    demo: bool = False


def traveller_view(view: View | None, *, was_demo: bool = False) -> TravellerView:
    """What the display shows; a lane that is away is closed to travellers."""
    if view is None:
        return TravellerView(scene=Scene.CLOSED, text=SCENES[Scene.CLOSED], demo=was_demo)
    scene = _scene(view)
    guidance = Guidance.NONE
    if scene is Scene.CAMERA and view.face.guidance in tuple(Guidance):
        guidance = Guidance(view.face.guidance)
    return TravellerView(
        scene=scene,
        text=SCENES[scene],
        languages=languages_for(view.issuing_state),
        hint=GUIDANCE.get(guidance),
        guidance=guidance,
        progress=_PROGRESS.get(scene, 0),
        demo=view.demo,
    )


def lost_views(*, was_demo: bool) -> dict[str, TravellerView]:
    """The texts that a display shows by itself when it has lost the console."""
    return {
        scene.value: TravellerView(scene=scene, text=SCENES[scene], demo=was_demo)
        for scene in (Scene.CLOSED, Scene.OFFICER)
    }


def _scene(view: View) -> Scene:
    if view.fire or view.mode == "evacuation":
        return Scene.EVACUATE
    if view.mode != "auto" and view.step is Step.WAITING:
        return Scene.CLOSED
    if view.zone == "many" and view.step in (Step.WAITING, Step.ENTERING):
        return Scene.ONE_PERSON
    if view.step is Step.READING and view.document_step == ANOTHER_CARD:
        return Scene.OTHER_CARDS
    refused = (
        view.step is Step.LEAVING
        and view.last is not None
        and view.last.ticket == view.ticket
        and view.last.outcome in ("refused", "referred")
    )
    return Scene.OFFICER if refused else _SCENE_OF_STEP[view.step]
