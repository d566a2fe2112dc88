"""Hypothesis strategies for msgspec types, made from the types themselves.

A field that is added to a Struct, or a bound that changes, is drawn without a word here.
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

LONGEST = 8
"""Upper bound of a text or a container that names none."""


def values(kind: mi.Type) -> st.SearchStrategy[Any]:
    """Every value of a type, within its bounds."""
    if isinstance(kind, mi.Metadata):
        return values(kind.type)
    if isinstance(kind, mi.StructType):
        return structs(kind)
    if isinstance(kind, mi.UnionType):
        return st.one_of([values(each) for each in kind.types])
    if isinstance(kind, mi.VarTupleType):
        longest = LONGEST if kind.max_length is None else kind.max_length
        return st.lists(values(kind.item_type), max_size=min(longest, LONGEST)).map(tuple)
    if isinstance(kind, mi.TupleType):
        return st.tuples(*(values(each) for each in kind.item_types))
    if isinstance(kind, mi.DictType):
        return st.dictionaries(values(kind.key_type), values(kind.value_type), max_size=3)
    return _plain(kind)


def _plain(kind: mi.Type) -> st.SearchStrategy[Any]:
    match kind:
        case mi.EnumType():
            return st.sampled_from(list(kind.cls))
        case mi.LiteralType():
            return st.sampled_from(kind.values)
        case mi.StrType(pattern=str(pattern)):
            longest = 10**6 if kind.max_length is None else kind.max_length
            found = st.from_regex(pattern.replace("$", r"\Z"))
            return found.filter(lambda text: len(text) <= longest)
        case mi.StrType():
            longest = LONGEST if kind.max_length is None else kind.max_length
            return st.text(min_size=kind.min_length or 0, max_size=longest)
        case mi.BytesType():
            shortest = kind.min_length or 0
            longest = shortest + LONGEST if kind.max_length is None else kind.max_length
            return st.binary(min_size=shortest, max_size=longest)
        case mi.IntType():
            lowest = -(2**63) if kind.ge is None else int(kind.ge)
            return st.integers(lowest, 2**63 - 1 if kind.le is None else int(kind.le))
        case mi.FloatType():
            return st.floats(min_value=kind.ge, allow_nan=False, allow_infinity=False)
        case mi.BoolType():
            return st.booleans()
        case mi.DateType():
            return st.dates()
        case mi.NoneType():
            return st.none()
    raise TypeError(f"no strategy for {kind}")


def structs(kind: mi.StructType) -> st.SearchStrategy[Any]:
    """Every struct of a type; a field that may be absent is so now and then."""
    fields = {}
    for field in kind.fields:
        drawn = values(field.type)
        if field.default is msgspec.UNSET:
            drawn = st.just(msgspec.UNSET) | drawn
        fields[field.name] = drawn
    if kind.array_like:
        return st.tuples(*fields.values()).map(lambda given: kind.cls(*given))
    return st.builds(kind.cls, **fields)


def instances(of: Any) -> st.SearchStrategy[Any]:
    """Every instance of a Struct, or of a union of them."""
    return values(mi.type_info(of))
