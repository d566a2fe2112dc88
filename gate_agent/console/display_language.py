"""What a language of the traveller's display consists of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import TypeVar

import msgspec

from biometrics.types import Guidance

Key = TypeVar("Key", bound=StrEnum)


class Scene(StrEnum):
    """What the traveller sees. Every referral is OFFICER, whatever its reason."""

    CLOSED = "closed"
    DOCUMENT = "document"
    ONE_PERSON = "one_person"
    READING = "reading"
    OTHER_CARDS = "other_cards"
    CAMERA = "camera"
    WAIT = "wait"
    GO = "go"
    LEAVE = "leave"
    OFFICER = "officer"
    EVACUATE = "evacuate"


class Role(StrEnum):
    """A short text in the display's header: the word before the lane's number, and DEMO."""

    LANE = "lane"
    DEMO = "demo"


HINTS = tuple(guidance for guidance in Guidance if guidance is not Guidance.NONE)
"""The guidance that has a text."""


class DisplayLanguageError(ValueError):
    """A language lacks a text, or has one that no display shows."""


class DisplayLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """Every text of the traveller's display in one language.

    `code` is a BCP 47 tag and the name of the language's file; `name` is what its readers call
    it; `states` are the issuing states (Doc 9303-3, 5; between spaces) for whose documents it
    comes first.

    Raises:
        DisplayLanguageError: names the language and the text that is missing or not known.
    """

    code: str
    name: str
    right_to_left: bool = False
    states: str = ""
    scenes: dict[Scene, str]
    guidance: dict[Guidance, str]
    roles: dict[Role, str]

    def __post_init__(self) -> None:
        """Compare its texts with those that a display shows."""
        self._require("scenes", self.scenes, tuple(Scene))
        self._require("guidance", self.guidance, HINTS)
        self._require("roles", self.roles, tuple(Role))

    def _require(self, field: str, texts: Mapping[Key, str], wanted: Collection[Key]) -> None:
        missing = [key for key in wanted if not texts.get(key, "").strip()]
        unknown = [key for key in texts if key not in wanted]
        if missing:
            raise DisplayLanguageError(f"{self.code}: {field} lacks {', '.join(missing)}")
        if unknown:
            raise DisplayLanguageError(
                f"{self.code}: no display shows {field} {', '.join(unknown)}"
            )
