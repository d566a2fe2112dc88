"""A judge of JSON Schema that shares nothing with the library that wrote ours."""

from __future__ import annotations

import re
from typing import Any


def fits(schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> str:
    """Say where a value breaks a schema, in the few words of JSON Schema that ours uses."""
    if "$ref" in schema:
        return fits(defs[schema["$ref"].rpartition("/")[2]], value, defs)
    if "anyOf" in schema:
        faults = [fits(each, value, defs) for each in schema["anyOf"]]
        return "" if "" in faults else "; ".join(faults)
    if "enum" in schema and value not in schema["enum"]:
        return f"{value!r} is none of {schema['enum'][:3]}"
    if "const" in schema and value != schema["const"]:
        return f"{value!r} is not {schema['const']!r}"
    kind = schema.get("type")
    if kind is not None and not _is(value, kind):
        return f"{value!r} is no {kind}"
    if isinstance(value, dict):
        return _object(schema, value, defs)
    if isinstance(value, list):
        return _array(schema, value, defs)
    if isinstance(value, str):
        return _string(schema, value)
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            return f"{value!r} is too small"
        if value > schema.get("maximum", value):
            return f"{value!r} is too large"
    return ""


def _string(schema: dict[str, Any], value: str) -> str:
    if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
        return f"{len(value)} characters are too few or too many"
    return "" if re.search(schema.get("pattern", ""), value) else f"{value!r} does not match"


def _is(value: Any, kind: str) -> bool:
    kinds = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "null": type(None),
        "integer": int,
        "number": (int, float),
    }
    return isinstance(value, kinds[kind]) and (not isinstance(value, bool) or kind == "boolean")


def _array(schema: dict[str, Any], value: list[Any], defs: dict[str, Any]) -> str:
    parts = schema.get("prefixItems", [])
    rest = schema.get("items", {})
    if len(value) < schema.get("minItems", 0):
        return f"{value!r} is too short"
    if len(value) > schema.get("maxItems", len(value)):
        return f"{value!r} is too long"
    for n, each in enumerate(value):
        if rest is False and n >= len(parts):
            return f"{n}: too many"
        if fault := fits(parts[n] if n < len(parts) else rest, each, defs):
            return f"{n}: {fault}"
    return ""


def _object(schema: dict[str, Any], value: dict[str, Any], defs: dict[str, Any]) -> str:
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties", {})
    for name in schema.get("required", ()):
        if name not in value:
            return f"{name} is missing"
    for name, each in value.items():
        if name not in known and rest is False:
            return f"{name} is unknown"
        part = known.get(name, rest if isinstance(rest, dict) else {})
        if fault := fits(part, each, defs):
            return f"{name}: {fault}"
    return ""
