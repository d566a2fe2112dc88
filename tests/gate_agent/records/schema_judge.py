"""A judge of JSON Schema that shares nothing with the library that wrote ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from jsonschema import Draft202012Validator, ValidationError


def fits(schema: dict[str, Any], value: Any, defs: dict[str, Any]) -> str:
    """Where a value breaks a schema and how, by `jsonschema`; "" where it fits.

    Args:
        schema: of JSON Schema 2020-12.
        value: is judged as the JSON that it becomes.
        defs: what the schema refers to below `#/$defs`.
    """
    whole = {**schema, "$defs": defs}
    Draft202012Validator.check_schema(whole)
    found = Draft202012Validator(whole).iter_errors(json.loads(json.dumps(value)))
    return "; ".join(f"{each.json_path}: {each.message}" for each in _innermost(found))


def _innermost(errors: Iterable[ValidationError]) -> Iterator[ValidationError]:
    """The faults themselves, in the place of "is valid under none of the given schemas"."""
    for error in errors:
        if error.context:
            yield from _innermost(error.context)
        else:
            yield error
