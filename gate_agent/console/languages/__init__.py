"""The languages of the traveller's display, in the order in which it offers them."""

from __future__ import annotations

from gate_agent.console.display_language import DisplayLanguage
from gate_agent.console.languages.ar import ARABIC
from gate_agent.console.languages.en import ENGLISH
from gate_agent.console.languages.fr import FRENCH
from gate_agent.console.languages.id import INDONESIAN
from gate_agent.console.languages.ja import JAPANESE
from gate_agent.console.languages.ms import MALAY
from gate_agent.console.languages.zh import CHINESE

DISPLAY_LANGUAGES: tuple[DisplayLanguage, ...] = (
    INDONESIAN,
    ENGLISH,
    MALAY,
    CHINESE,
    ARABIC,
    JAPANESE,
    FRENCH,
)
