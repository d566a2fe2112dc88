"""The command line by itself: every process of a gate begins with it."""

import argparse
import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from gate_agent.cli import main, parser

# What a command needs it imports when it runs: a lane waits for a process that begins again.
DEAR = {
    "cv2",
    "numpy",
    "onnxruntime",
    "cryptography",
    "drivers.passport.reader.passport_reader",
    "sim.day.run",
}
DEAR |= {"gate_agent.loop", "sync.gate.journal", "paho"}
LIST = "import sys; from gate_agent.cli import parser; parser(); print(*sys.modules)"


def test_building_it_imports_nothing_dear():
    listed = subprocess.run(
        [sys.executable, "-c", LIST], capture_output=True, check=True, text=True
    )
    modules = set(listed.stdout.split())
    assert {"gate_agent.cli", "sim.commands.register"} <= modules
    assert modules & DEAR == set()


def test_a_reader_that_has_seen_enough_is_no_unusable_file(tmp_path):
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-u", "-m", "gate_agent.cli", "trust", "list", "--json"]
    ended = subprocess.run(
        [*command, "--store", str(tmp_path)], stdout=write, stderr=subprocess.PIPE, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize("command", ["profile schema", "journal schema", "sim schema"])
def test_a_schema_for_editors_is_json(command, capsys):
    assert main(command.split()) == 0
    assert "properties" in next(iter(json.loads(capsys.readouterr().out)["$defs"].values()))


def commands(above):
    """Every command that the help lists and that does something itself."""
    for action in above._actions:
        if isinstance(action, argparse._SubParsersAction):
            listed = {row.dest for row in action._choices_actions}
            for name in listed & set(action.choices):
                below = list(commands(action.choices[name]))
                yield from below or [action.choices[name]]


def test_every_command_says_what_it_does_with_an_example_that_can_be_typed():
    found = list(commands(parser()))
    assert len(found) > 60
    for command in found:
        if command.prog == "egate sim hardware":
            continue  # a part of the demo, which starts it
        text = command.format_help().partition("\n\n")[2]
        assert command.description, command.prog
        examples = re.findall(
            rf"^ +(?:.* -- )?({command.prog}\b(?:.*\\\n)*.*)$", text, re.MULTILINE
        )
        assert examples, command.prog
        for example in examples:
            line = re.sub(r"\\\n +", "", example)
            words = shlex.split(re.split(" [>|] | {3,}", line)[0])
            assert callable(parser().parse_args(words[1:]).run), example


ODD = [
    "demo --port 65536",
    "demo --port -1",
    "demo --camera -1",
    "demo --camera front",
    "demo --keep FILE",
    "demo --keep USED",
    "demo --keep LONG",
    "sim run first_day --seed -1",
    "sim run first_day --seed 9223372036854775808",
    "sim run first_day --seed 1e3",
    "sim shrink --seed -1",
    "sim soak --seeds 2 --first 9223372036854775807",
    "sim soak --seeds 2 --first -1",
    "chaos --records -1",
    "chaos --keep FILE",
    "chaos --keep USED",
    "centre run --state USED --port 99999",
    "centre run --state USED --gate nameless",
    "centre run --state USED --shard 3/2",
    "centre run --state USED --host broker.example",
    "centre show --state USED --gate g --seq 9223372036854775808",
    "centre prove --state USED --gate g --since -4",
    "journal show FILE 9223372036854775808",
    "sim photos --into FILE",
    "console --lane one --keys USED --officers FILE",
    f"officer add siti --file {'x' * 300}",
    "models prepare --store /dev/null/models",
]


@pytest.mark.parametrize("words", ODD)
def test_odd_arguments_end_with_a_line_and_2(words, tmp_path, capsys):
    (tmp_path / "USED" / "centre").mkdir(parents=True)
    (tmp_path / "FILE").touch()
    places = {name: tmp_path / name for name in ("USED", "FILE")}
    places["LONG"] = tmp_path / ("x" * 90)
    argv = [str(places.get(word, word)) for word in words.split()]
    try:
        code = main(argv)
    except SystemExit as end:  # argparse's own way
        code = end.code
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("egate")


def test_a_result_that_cannot_be_written_ends_with_a_line_and_2(tmp_path, capsys):
    day = tmp_path / "day.toml"
    day.write_text(FAILING)
    assert main(["sim", "shrink", str(day), "--into", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"egate sim shrink: {tmp_path}: Is a directory\n"


FAILING = """
title = "One"
learn = "Nothing."
start = 2026-11-22T06:00:00Z
limit_s = 60
[[lanes]]
number = 1
[[travellers]]
name = "Ann Example"
lane = 1
document = { number = "X1", birth_date = 1980-01-01, expiry = 2020-01-01 }
expect = { outcome = "admitted" }
"""
