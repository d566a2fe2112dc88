"""A scenario as the text of a file: what is default is left out."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from sim.scenario.scenario import Scenario


def toml_text(scenario: Scenario) -> str:
    """The TOML of a scenario; `sim.scenario.scenario.parse` gives the same scenario again."""
    plain = msgspec.json.decode(msgspec.json.encode(scenario))
    simple = {key: value for key, value in plain.items() if not _is_tables(value)}
    lines = [f"{key} = {_value(value)}" for key, value in simple.items()]
    for key, tables in plain.items():
        if _is_tables(tables):
            for table in tables:
                lines += ["", f"[[{key}]]"]
                lines += [f"{name} = {_value(value)}" for name, value in table.items()]
    return "\n".join([*lines, ""])


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _value(value: Any) -> str:
    """JSON's strings, numbers, truth values and lists are TOML's; tables are not."""
    if isinstance(value, dict):
        inner = ", ".join(
            f"{name} = {_value(part)}" for name, part in value.items() if part is not None
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return f"[{', '.join(_value(part) for part in value)}]"
    return json.dumps(value, ensure_ascii=False)
