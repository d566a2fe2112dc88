"""The languages of the traveller's display: complete, distinct, and each with its states."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import msgspec
import pytest
from fake_lane import waiting

from biometrics.types import Guidance
from gate_agent.console import languages
from gate_agent.console.display_language import DisplayLanguageError, Role, Scene
from gate_agent.console.languages import DISPLAY_LANGUAGES
from gate_agent.console.languages.en import ENGLISH
from gate_agent.console.sentences import (
    GUIDANCE,
    LANGUAGES,
    RIGHT_TO_LEFT,
    ROLES,
    SCENES,
    SITE_LANGUAGE,
    STATES,
    WIDELY_READ,
)
from gate_agent.console.traveller_view import traveller_view

replace = msgspec.structs.replace
TABLES = {"scenes": SCENES, "guidance": GUIDANCE, "roles": ROLES}
SHOWN = [
    ("", ("id", "en")),
    ("IDN", ("id", "en")),
    ("MYS", ("ms", "en")),
    ("CHN", ("zh", "en")),
    ("SAU", ("ar", "en")),
    ("JPN", ("ja", "en")),
    ("FRA", ("fr", "en")),
    ("GBR", ("en", "id")),
    ("D<<", ("en", "id")),
]
"""The issuing state of a document, and the two languages that its holder sees."""


@pytest.mark.parametrize(("state", "pair"), SHOWN)
def test_a_display_speaks_to_the_holder_of_the_document(state, pair):
    assert traveller_view(replace(waiting(1), issuing_state=state)).languages == pair


def test_every_language_has_a_row_above():
    assert {pair[0] for _, pair in SHOWN} == set(LANGUAGES)


def test_every_file_is_one_language_by_the_name_of_its_code():
    files = {path.stem for path in Path(str(languages.__file__)).parent.glob("*.py")}
    assert files - {"__init__"} == set(LANGUAGES)
    assert len(DISPLAY_LANGUAGES) == len(set(LANGUAGES.values())) == len(LANGUAGES)
    for language in DISPLAY_LANGUAGES:
        module = importlib.import_module(f"{languages.__name__}.{language.code}")
        assert language in vars(module).values(), language.code


def test_every_sentence_is_there_in_every_language():
    assert set(SCENES) == set(Scene)
    assert set(GUIDANCE) == set(Guidance) - {Guidance.NONE}
    assert set(ROLES) == set(Role)
    for table in TABLES.values():
        for text in table.values():
            assert tuple(text) == tuple(LANGUAGES)


@pytest.mark.parametrize("language", DISPLAY_LANGUAGES, ids=lambda language: language.code)
def test_the_texts_of_a_language_differ_and_are_set_cleanly(language):
    for field in TABLES:
        texts = list(getattr(language, field).values())
        assert sorted(texts) == sorted(set(texts)), f"{language.code}: {field}"
        assert texts == [text.strip() for text in texts], f"{language.code}: {field}"
        loose = [text for text in texts if re.search(" [:;!?]", text)]
        assert loose == [], f"{language.code}: {field}: a line may break before a sign"


def test_the_sentences_of_a_row_differ_between_languages():
    for table in (SCENES, GUIDANCE):
        for key, text in table.items():
            assert len(set(text.values())) == len(LANGUAGES), key


def test_every_language_but_the_widely_read_one_has_its_states_alone():
    assert WIDELY_READ in LANGUAGES
    assert SITE_LANGUAGE in LANGUAGES
    assert set(STATES) == set(LANGUAGES) - {WIDELY_READ}
    claims = [(state, code) for code, states in STATES.items() for state in states.split()]
    assert [state for state, _ in claims if not re.fullmatch("[A-Z]{3}", state)] == []
    owners = dict(claims)
    assert [claim for claim in claims if owners[claim[0]] != claim[1]] == []
    assert len(owners) == len(claims)


def test_a_language_runs_the_way_its_letters_run():
    arabic = re.compile("[\u0590-\u08ff]")
    assert {code for code, name in LANGUAGES.items() if arabic.search(name)} == RIGHT_TO_LEFT


@pytest.mark.parametrize(("field", "key"), [("scenes", "wait"), ("guidance", "light")])
def test_a_language_that_lacks_a_text_is_refused_by_name(field, key):
    texts = dict(getattr(ENGLISH, field))
    for less in ({**texts, key: "  "}, {k: text for k, text in texts.items() if k != key}):
        with pytest.raises(DisplayLanguageError, match=f"^en: {field} lacks {key}$"):
            replace(ENGLISH, **{field: less})


@pytest.mark.parametrize("field", list(TABLES))
def test_a_text_that_no_display_shows_is_refused_by_name(field):
    more = {**getattr(ENGLISH, field), "none": "Nothing."}
    with pytest.raises(DisplayLanguageError, match=f"^en: no display shows {field} none$"):
        replace(ENGLISH, **{field: more})
