"""Every command that takes a file or folder, with ones that are not what it takes.

The commands come from the command line's own parser, so that a new one is tried as well: one
line on stderr that says what is wrong, an exit code that says no, and never a traceback.
"""

import argparse
import os

import pytest

from gate_agent.cli import main, parser

ENDLESS = {
    "bench",
    "chaos",
    "demo",
    "safety",
    "sim library",
    "sim photos",
    "sim soak",
    "sim shrink",
    "models prepare",
    "models add",
    "trust import",
}
"""Commands that work for long before they read a file, or write to the installed stores."""

MAKE = {
    "centre init",
    "codes",
    "safety doc",
    "chip specimens",
    "models list",
    "models key",
    "models verify",
    "trust list",
    "trust verify",
    "doctor",
}
"""Commands that make what is absent, or report on it: they may succeed."""

INPUTS = ("missing", "empty", "binary", "nested", "folder", "loop")


def leaves(top, words=()):
    """Each command with its words."""
    groups = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    if not groups:
        yield " ".join(words), top
        return
    for name, below in groups[0].choices.items():
        yield from leaves(below, (*words, name))


def takes_path(action):
    kind = getattr(action.type, "__name__", "")
    return kind in ("Path", "_named_file") or (action.dest == "file" and action.type is None)


def value(action, path):
    if action.choices:
        return str(next(iter(action.choices)))
    if takes_path(action):
        return f"SOD={path}" if action.type.__class__.__name__ == "function" else str(path)
    numeric = ("int", "seq", "seed", "count", "tcp_port")
    return "1" if getattr(action.type, "__name__", "") in numeric else "x"


def words_of(command, path):
    """The command with this path wherever it demands one."""
    words = []
    for action in command._actions:
        positional = not action.option_strings
        demanded = action.required or (positional and action.nargs in (None, "+"))
        if action.nargs == 0 or not demanded:
            continue
        words += [*action.option_strings[:1], value(action, path)]
    return words


def _cases():
    for name, command in leaves(parser()):
        if name in ENDLESS or name.split()[0] in ENDLESS:
            continue
        paths = [action for action in command._actions if takes_path(action)]
        if paths:
            yield name, command


CASES = list(_cases())


def put(folder, kind):
    path = folder / kind
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "binary":
        path.write_bytes(bytes(range(256)) * 20)
    elif kind == "nested":
        path.write_text("[" * 100_000)
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    return path


@pytest.mark.parametrize(("name", "command"), CASES, ids=[case[0] for case in CASES])
def test_unusable_input_is_one_line_and_no_success(name, command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for kind in INPUTS:
        folder = tmp_path / f"of-{kind}"
        folder.mkdir()
        words = [*name.split(), *words_of(command, put(folder, kind))]
        try:
            code = main(words)
        except SystemExit as end:
            code = end.code
        out, err = capsys.readouterr()
        assert name in MAKE or code in (1, 2, 3, os.EX_CONFIG), words
        assert code == 0 or err or out, words
        assert "Traceback" not in err, words


def test_a_model_beyond_all_measure_is_not_read(tmp_path, capsys):
    path = tmp_path / "model.onnx"
    with path.open("wb") as file:
        file.truncate(3 << 30)
    code = main(["models", "describe", str(path), "--name", "x", "--licence", "x"])
    assert code == 1
    assert "longer than" in "".join(capsys.readouterr())
