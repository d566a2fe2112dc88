"""The texts of the traveller's display as tables: one row per scene and hint, all languages.

A language is a file of `languages/`; a display shows two languages at a time.
"""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import HINTS, Role, Scene
from gate_agent.console.languages import DISPLAY_LANGUAGES

Text = dict[str, str]
"""Code of a language to the text in it."""

SITE_LANGUAGE, WIDELY_READ = "id", "en"

LANGUAGES = {language.code: language.name for language in DISPLAY_LANGUAGES}
"""Code (BCP 47) to what its readers call it."""

RIGHT_TO_LEFT = frozenset(language.code for language in DISPLAY_LANGUAGES if language.right_to_left)

STATES = {language.code: language.states for language in DISPLAY_LANGUAGES if language.states}
"""Issuing states (Doc 9303-3, 5) for whose documents a language comes first; else English."""

_OF_STATE = {state: code for code, states in STATES.items() for state in states.split()}

SCENES: dict[Scene, Text] = {
    scene: {language.code: language.scenes[scene] for language in DISPLAY_LANGUAGES}
    for scene in Scene
}
GUIDANCE: dict[Guidance, Text] = {
    hint: {language.code: language.guidance[hint] for language in DISPLAY_LANGUAGES}
    for hint in HINTS
}
ROLES: dict[Role, Text] = {
    role: {language.code: language.roles[role] for language in DISPLAY_LANGUAGES} for role in Role
}


def languages_for(issuing_state: str) -> tuple[str, str]:
    """The two languages for a document's holder, theirs first; the site's while unknown.

    Args:
        issuing_state: as in the zone, "" until it is read.
    """
    first = _OF_STATE.get(issuing_state, WIDELY_READ) if issuing_state else SITE_LANGUAGE
    return first, SITE_LANGUAGE if first == WIDELY_READ else WIDELY_READ
