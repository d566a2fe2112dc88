"""The traveller's display in English."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

ENGLISH = DisplayLanguage(
    code="en",
    name="English",
    scenes={
        Scene.CLOSED: "This lane is closed. Please use another lane.",
        Scene.DOCUMENT: "Place your passport on the reader.",
        Scene.ONE_PERSON: "One person at a time. Families use the desk: step back, or wait for the officer.",
        Scene.READING: "Your passport is being read. Please leave it in place.",
        Scene.OTHER_CARDS: "Take other cards away from your passport and lay it down again.",
        Scene.CAMERA: "Look at the camera.",
        Scene.WAIT: "One moment, please.",
        Scene.GO: "Please walk through. Take your passport with you.",
        Scene.LEAVE: "Thank you. Please leave the lane.",
        Scene.OFFICER: "Please wait for the officer.",
        Scene.EVACUATE: "Leave now through the open gate.",
    },
    guidance={
        Guidance.NO_FACE: "Stand in front of the camera.",
        Guidance.TOO_FAR: "Come a little closer.",
        Guidance.TOO_NEAR: "Step back a little.",
        Guidance.MOVE_LEFT: "Move a little to the left.",
        Guidance.MOVE_RIGHT: "Move a little to the right.",
        Guidance.MOVE_UP: "Raise your head a little.",
        Guidance.MOVE_DOWN: "Lower your head a little.",
        Guidance.HOLD_STILL: "Please hold still.",
        Guidance.LOOK_STRAIGHT: "Look straight at the camera.",
        Guidance.OPEN_EYES: "Open your eyes.",
        Guidance.CLOSE_MOUTH: "Close your mouth.",
        Guidance.ONE_PERSON: "One person at a time, please.",
        Guidance.TAKE_OFF_GLASSES: "Take off your glasses.",
        Guidance.UNCOVER_FACE: "Uncover your face.",
        Guidance.TOO_DARK: "It is too dark. Move to the light.",
        Guidance.TOO_BRIGHT: "The light is too bright. Move a little.",
        Guidance.LIGHT: "The light is uneven. Look straight at the camera.",
    },
    roles={
        Role.LANE: "Lane",
        Role.DEMO: "DEMO: not for a border",
    },
)
