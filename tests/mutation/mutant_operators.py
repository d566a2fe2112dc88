"""What is broken in a source text: one small change of its syntax tree at a time.

| operator | what it does |
|---|---|
| compare | `<` and `<=`, `>` and `>=`, `==` and `!=`, `is` and `is not`, `in` and `not in` |
| half | one operand of an `and` or an `or` is dropped |
| negate, never | a condition is turned round; an `if` is never taken |
| constant | 0 and 1, False and True; another number times 100; a text becomes empty |
| member | a member of an enumeration becomes the next one of it |
| extreme | `min` and `max`, `any` and `all` |
| drop | a statement that only has an effect is left out |

Texts of exceptions, f-strings, docstrings, annotations and defaults of parameters are left
alone: what they say is no behaviour that a test of the module should hold fast.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any, NamedTuple

SHOWN_CHARS = 60
SWAPPED_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
SWAPPED_EXTREMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
OF_EFFECT = (ast.Expr, ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete)


class Edit(NamedTuple):
    """One change: what it is called, the lines it shows on, and how to make it in the tree."""

    what: str
    first_line: int
    last_line: int
    make: Callable[[], None]


Put = Callable[[Any], None]
"""Puts another node in the place of one."""


def edits(body: list[ast.stmt], names: dict[str, Any]) -> Iterator[Edit]:
    """Every change of these statements, in the order of the text.

    Args:
        body: statements of a function or of a module; nested functions are included.
        names: the module's names, by which members of enumerations are recognised.
    """
    for index, statement in enumerate(body):
        yield from _of_statement(body, index, statement, names)


def _of_statement(
    body: list[ast.stmt], index: int, statement: ast.stmt, names: dict[str, Any]
) -> Iterator[Edit]:
    lines = statement.lineno, _header_end(statement)
    if _is_docstring(statement):
        return
    if isinstance(statement, OF_EFFECT) or _sets_attribute(statement):

        def drop() -> None:
            body[index] = ast.copy_location(ast.Pass(), statement)

        yield Edit(f"without `{_shown(statement)}`", *lines, drop)
    if isinstance(statement, ast.Raise):
        return
    for name, value in ast.iter_fields(statement):
        if name in ("annotation", "returns", "args", "decorator_list", "targets", "target"):
            continue
        if isinstance(value, ast.expr):
            condition = name == "test" and isinstance(statement, ast.If | ast.While)
            for what, make in _of_expression(value, _setter(statement, name), names, condition):
                yield Edit(what, *lines, make)
        elif isinstance(value, list):
            yield from _of_list(value, lines, names)


def _of_list(values: list[Any], lines: tuple[int, int], names: dict[str, Any]) -> Iterator[Edit]:
    """Blocks of statements, handlers, cases, and the expressions that a statement lists."""
    if values and isinstance(values[0], ast.stmt):
        yield from edits(values, names)
        return
    for at, value in enumerate(values):
        if isinstance(value, ast.ExceptHandler | ast.match_case):
            yield from edits(value.body, names)
        elif isinstance(value, ast.withitem):
            put = _setter(value, "context_expr")
            for what, make in _of_expression(value.context_expr, put, names, condition=False):
                yield Edit(what, *lines, make)
        elif isinstance(value, ast.expr):
            put = _item_setter(values, at)
            for what, make in _of_expression(value, put, names, condition=False):
                yield Edit(what, *lines, make)


def _of_expression(
    node: ast.expr, put: Put, names: dict[str, Any], condition: bool
) -> Iterator[tuple[str, Callable[[], None]]]:
    shown = _shown(node)
    if condition:
        yield f"not ({shown})", _makes(put, ast.UnaryOp(op=ast.Not(), operand=node))
        yield f"never ({shown})", _makes(put, ast.Constant(value=False))
    yield from _of_node(node, shown, put, names)
    if isinstance(node, ast.JoinedStr | ast.Lambda) or _member(node, names) is not None:
        if isinstance(node, ast.Lambda):
            yield from _of_expression(node.body, _setter(node, "body"), names, condition=False)
        return
    for name, value in ast.iter_fields(node):
        if isinstance(value, ast.expr):
            test = name == "test" and isinstance(node, ast.IfExp)
            yield from _of_expression(value, _setter(node, name), names, condition=test)
        elif isinstance(value, list):
            for at, each in enumerate(value):
                if isinstance(each, ast.expr):
                    yield from _of_expression(each, _item_setter(value, at), names, False)
                elif isinstance(each, ast.keyword):
                    yield from _of_expression(each.value, _setter(each, "value"), names, False)
                elif isinstance(each, ast.comprehension):
                    yield from _of_comprehension(each, names)


def _of_comprehension(
    node: ast.comprehension, names: dict[str, Any]
) -> Iterator[tuple[str, Callable[[], None]]]:
    yield from _of_expression(node.iter, _setter(node, "iter"), names, condition=False)
    for at, test in enumerate(node.ifs):
        yield from _of_expression(test, _item_setter(node.ifs, at), names, condition=True)


def _of_node(
    node: ast.expr, shown: str, put: Put, names: dict[str, Any]
) -> Iterator[tuple[str, Callable[[], None]]]:
    """The changes of one node itself."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            other = SWAPPED_COMPARISONS[type(operator)]
            ops = [other() if number == at else each for number, each in enumerate(node.ops)]
            new = ast.Compare(left=node.left, ops=ops, comparators=node.comparators)
            yield f"`{_shown(new)}` for `{shown}`", _makes(put, new)
    elif isinstance(node, ast.BoolOp):
        for at in range(len(node.values)):
            rest = [each for number, each in enumerate(node.values) if number != at]
            new_test = rest[0] if len(rest) == 1 else ast.BoolOp(op=node.op, values=rest)
            left_out = _shown(node.values[at])
            yield f"`{shown}` but for `{left_out}`", _makes(put, new_test)
    elif isinstance(node, ast.Constant):
        other_value = _other_constant(node.value)
        if other_value is not None:
            yield f"`{other_value!r}` for `{shown}`", _makes(put, ast.Constant(value=other_value))
    elif isinstance(node, ast.Name) and node.id in SWAPPED_EXTREMES and node.id not in names:
        other_name = SWAPPED_EXTREMES[node.id]
        yield f"`{other_name}` for `{node.id}`", _makes(put, ast.Name(other_name, ast.Load()))
    member = _member(node, names)
    if member is not None:
        members = list(type(member))
        at = (members.index(member) + 1) % len(members)
        if members[at] is not member:
            text = f"list(type({ast.unparse(node)}))[{at}]"
            new_node = ast.parse(text, mode="eval").body
            yield f"`{members[at].name}` for `{shown}`", _makes(put, new_node)


def _other_constant(value: object) -> object:
    """Another value of the same kind; None for what is left alone."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return {0: 1, 1: 0}.get(value, value * 100)
    if isinstance(value, str | bytes) and value:
        return type(value)()
    return None


def _member(node: ast.expr, names: dict[str, Any]) -> Enum | None:
    """The member of an enumeration that an expression names."""
    found: object = None
    if isinstance(node, ast.Name):
        found = names.get(node.id)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        kind = names.get(node.value.id)
        if isinstance(kind, type) and issubclass(kind, Enum):
            found = kind.__members__.get(node.attr)
    return found if isinstance(found, Enum) else None


def _makes(put: Put, new: ast.expr) -> Callable[[], None]:
    return lambda: put(new)


def _setter(owner: ast.AST, name: str) -> Put:
    return lambda new: setattr(owner, name, new)


def _item_setter(values: list[Any], at: int) -> Put:
    return lambda new: values.__setitem__(at, new)


def _sets_attribute(statement: ast.stmt) -> bool:
    """Whether it is `self.x = ...` or `x[...] = ...`: dropped, nothing is left undefined."""
    return isinstance(statement, ast.Assign) and all(
        isinstance(target, ast.Attribute | ast.Subscript) for target in statement.targets
    )


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _header_end(statement: ast.stmt) -> int:
    """The last line of a statement that is its own, and not its block's."""
    body = getattr(statement, "body", None)
    if body:
        return max(statement.lineno, body[0].lineno - 1)
    return statement.end_lineno or statement.lineno


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= SHOWN_CHARS else f"{text[: SHOWN_CHARS - 3]}..."
