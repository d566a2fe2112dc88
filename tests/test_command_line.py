"""The command line by itself: every process of a gate begins with it."""

import argparse
import json
import re
import shlex
import subprocess
import sys

import pytest

from gate_agent.cli import main, parser

# What a command needs it imports when it runs: a lane waits for a process that begins again.
DEAR = {"cv2", "numpy", "onnxruntime", "cryptography", "drivers.passport.reader", "sim.run"}
DEAR |= {"gate_agent.loop", "sync.journal", "paho"}
LIST = "import sys; from gate_agent.cli import parser; parser(); print(*sys.modules)"


def test_building_it_imports_nothing_dear():
    listed = subprocess.run(
        [sys.executable, "-c", LIST], capture_output=True, check=True, text=True
    )
    modules = set(listed.stdout.split())
    assert {"gate_agent.cli", "sim.cli"} <= modules
    assert modules & DEAR == set()


@pytest.mark.parametrize("command", ["profile schema", "journal schema", "sim schema"])
def test_a_schema_for_editors_is_json(command, capsys):
    assert main(command.split()) == 0
    assert "properties" in next(iter(json.loads(capsys.readouterr().out)["$defs"].values()))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("console --lane one --keys k --officers o", "--lane one: expected N=RUNDIR"),
        ("console --lane 1=d --keys k --officers o --port 65536", "65536: expected a port"),
        ("centre run --state s --gate g", "--gate g: expected NAME=FILE"),
        ("centre run --state s --shard 5/4", "--shard 5/4: expected"),
        ("centre run --state s --host broker.example.org", "--key missing"),
        ("centre page --state s --port 0", "0: expected a port"),
        (f"officer add siti --file {'x' * 300}", "File name too long"),
        ("models prepare --store /dev/null/models", "/dev/null/models: Not a directory"),
    ],
)
def test_what_is_wrong_with_arguments_or_files_is_told_with_2(command, said):
    argv = [sys.executable, "-m", "gate_agent.cli", *command.split()]
    done = subprocess.run(argv, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


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
