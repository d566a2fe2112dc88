"""The architecture rules as tests: directions of imports, homes of effects, sizes.

Each rule is a function of a source text that names what breaks it, so that the rule itself is
tested on a few lines that do.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("gate_agent", "biometrics", "drivers", "sync", "sim", "firmware_cfg")
PRODUCT_FOLDERS = (*PACKAGES, "tests", "systemd")
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60

IO_LIBRARIES = {"serial", "smartcard", "paho", "onnxruntime", "dlib", "cv2", "sqlite3"}

CORE_MAY_IMPORT = re.compile(
    r"(biometrics|drivers|sync\.log|firmware_cfg)\.types|firmware_cfg\.profile"
    r"|firmware_cfg\.packs(\..+)?|gate_agent\.core(\..+)?"
    r"|__future__|msgspec|collections(\.abc)?|enum|functools|hashlib|typing"
)

LIVE = frozenset({"gate_agent/live.py"})
CONSOLE_LOOP = frozenset({"gate_agent/console/client.py", "gate_agent/console/server.py"})
HOMES: dict[str, frozenset[str]] = {
    # clocks
    "time.time": LIVE,
    "time.time_ns": LIVE,
    "time.monotonic": LIVE,
    "time.monotonic_ns": LIVE,
    "time.perf_counter": LIVE,
    "time.perf_counter_ns": LIVE,
    "time.process_time": LIVE,
    "time.process_time_ns": LIVE,
    "time.gmtime": LIVE,
    "time.localtime": LIVE,
    "datetime.datetime.now": LIVE,
    "datetime.datetime.utcnow": LIVE,
    "datetime.datetime.today": LIVE,
    "datetime.date.today": LIVE,
    # waits that nothing can interrupt; the console's event loop paces itself
    "time.sleep": frozenset(),
    "asyncio.sleep": CONSOLE_LOOP,
    # threads; a password is hashed beside the console's event loop
    "threading.Thread": LIVE,
    "threading.Timer": LIVE,
    "asyncio.to_thread": frozenset({"gate_agent/console/sign_in.py"}),
    "os.fork": frozenset(),
    # randomness
    "os.urandom": LIVE,
    "os.getrandom": LIVE,
    "ssl.RAND_bytes": frozenset(),
    "uuid.uuid1": frozenset(),
    "uuid.uuid4": frozenset(),
    "random.SystemRandom": frozenset(),
    "numpy.random.seed": frozenset(),
    "numpy.random.rand": frozenset(),
    "numpy.random.randn": frozenset(),
    "numpy.random.normal": frozenset(),
    "numpy.random.randint": frozenset(),
}
NO_MODULE_HAS = {"secrets", "_thread", "multiprocessing", "concurrent.futures"}
SEEDED = {"random.Random", "numpy.random.default_rng"}

MAX_ARROWS = {"sim": 60, "gate_agent": 45, "sync": 8}
"""How many ordered pairs of rooms may import one another, in the packages made of rooms."""

Found = Iterator[tuple[int, str]]
Graph = dict[str, set[str]]


def imports(tree: ast.AST) -> Found:
    """Every module imported, absolute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import"
            yield node.lineno, str(node.module)


def names(tree: ast.AST) -> Found:
    """Every dotted name used, as its module defines it, whatever it was imported as."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                known[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                known[alias.asname or alias.name] = f"{node.module}.{alias.name}"
                yield node.lineno, f"{node.module}.{alias.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute | ast.Name):
            first, *rest = ast.unparse(node).split(".")
            if first in known:
                yield node.lineno, ".".join((known[first], *rest))


def effects(tree: ast.AST, path: str) -> Found:
    """Clocks, threads, sleeps and randomness outside their homes."""
    for line, name in names(tree):
        if name in HOMES and path not in HOMES[name]:
            yield line, name
        if name.startswith("random.") and name not in SEEDED and name.count(".") == 1:
            yield line, name
    for line, name in imports(tree):
        if any(name == module or name.startswith(module + ".") for module in NO_MODULE_HAS):
            yield line, name
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not node.args and not node.keywords:
            called = ast.unparse(node.func)
            if any(called.endswith(name.split(".", 1)[1]) for name in SEEDED):
                yield node.lineno, f"{called} without a seed"


def core_imports(tree: ast.AST) -> Found:
    """What the core must not import."""
    for line, name in imports(tree):
        if CORE_MAY_IMPORT.fullmatch(name) is None:
            yield line, name


def asserts(tree: ast.AST) -> Found:
    """Statements that an optimising interpreter leaves out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node.lineno, "assert"


def broad_handlers(tree: ast.AST) -> Found:
    """Handlers that take every error for one; cleaning up and raising again is none."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        last = node.body[-1]
        if isinstance(last, ast.Raise) and last.exc is None:
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for kind in caught:
            if kind is None or ast.unparse(kind) in {"Exception", "BaseException"}:
                yield node.lineno, "bare or broad except"


def suppressions(tree: ast.AST) -> Found:
    """`contextlib.suppress` of every error."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            for kind in node.args:
                if ast.unparse(kind) in {"Exception", "BaseException"}:
                    yield node.lineno, "every error suppressed"


def long_functions(tree: ast.AST) -> Found:
    """Functions of sixty lines and more."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length >= MAX_FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines"


def other_randomness(tree: ast.AST) -> Found:
    """What a live process is given as randomness, when it is not the operating system's."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and re.search("random|entropy|rng", node.arg or ""):
            given = ast.unparse(node.value)
            if given != "live.system_random":
                yield node.value.lineno, f"{node.arg}={given}"
    for line, name in imports(tree):
        if name.split(".")[0] in {"random", "secrets", "numpy"}:
            yield line, name


def patches(tree: ast.AST) -> Found:
    """Doubles put in the place of our own parts, and waits by the clock."""
    for line, name in names(tree):
        if name.startswith(("unittest.mock", "mock.")) or name == "time.sleep":
            yield line, name


def file_graph(paths: Iterable[Path]) -> Graph:
    """Each module with the modules of ours that it imports, anywhere in its text."""
    modules = {module_name(path): path for path in paths}
    graph: Graph = {}
    for module, path in modules.items():
        graph[module] = set()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                wanted = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                wanted = [name if name in modules else str(node.module) for name in inner]
            else:
                continue
            graph[module].update(name for name in wanted if name in modules)
    return graph


def room_graph(files: Graph, package: str) -> Graph:
    """The arrows between what lies on the first level of a package, files or folders."""
    rooms: Graph = {}
    depth = package.count(".") + 1
    for module, imported in files.items():
        for other in imported:
            if module.startswith(f"{package}.") and other.startswith(f"{package}."):
                one, another = module.split(".")[depth], other.split(".")[depth]
                if one != another:
                    rooms.setdefault(one, set()).add(another)
    return rooms


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """Every set of two and more that reach one another."""
    reached: Graph = {}
    for start in graph:
        found: set[str] = set()
        waiting = [start]
        while waiting:
            new = graph.get(waiting.pop(), set()) - found
            found |= new
            waiting += new
        reached[start] = found
    return sorted(
        {
            tuple(sorted(two for two in reached[one] if one in reached.get(two, ())))
            for one in reached
            if one in reached[one]
        }
    )


def arrows(package: str, rooms: Graph) -> str:
    """The arrows of a package in words, to print."""
    count = sum(map(len, rooms.values()))
    limit = f" of {MAX_ARROWS[package]} at most" if package in MAX_ARROWS else ""
    lines = [f"{package}: {count} arrows{limit}"]
    lines += [f"  {room} -> {' '.join(sorted(rooms[room]))}" for room in sorted(rooms)]
    return "\n".join(lines)


def module_name(path: Path) -> str:
    """A file's module, dotted; a package's own file is the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources(*folders: str) -> list[Path]:
    """Every Python file below these folders."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def relative(path: Path) -> str:
    """A path as the project names it."""
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text())


def every(rule, paths: list[Path]) -> list[str]:
    """Everything that breaks a rule, as `file:line: what`."""
    assert len(paths) > 5, "the rule looked at nothing"
    return [
        f"{relative(path)}:{line}: {what}" for path in paths for line, what in rule(tree_of(path))
    ]


def test_every_import_contract_is_kept():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("folder", PRODUCT_FOLDERS)
def test_the_folders_of_the_product_are_there(folder):
    assert any((ROOT / folder).iterdir())


def test_nothing_goes_by_a_vague_name():
    vague = {"utils", "util", "common", "helpers", "misc"}
    assert [relative(p) for p in sources(*PACKAGES) if vague & {*p.parts, p.stem}] == []


def test_an_io_library_is_imported_in_one_file_of_a_package():
    homes: dict[tuple[str, str], set[str]] = {}
    for path in sources(*PACKAGES):
        for _, name in imports(tree_of(path)):
            library = name.split(".")[0]
            if library in IO_LIBRARIES:
                package = path.relative_to(ROOT).parts[0]
                homes.setdefault((package, library), set()).add(relative(path))
    assert {library for _, library in homes} >= {"serial", "paho", "onnxruntime", "cv2", "sqlite3"}
    assert {key: files for key, files in homes.items() if len(files) > 1} == {}


def test_effects_stay_in_their_homes():
    found = [
        f"{relative(path)}:{line}: {name}"
        for path in sources(*PACKAGES)
        for line, name in effects(tree_of(path), relative(path))
    ]
    assert found == []


def test_every_home_is_lived_in():
    used = {
        (relative(path), name) for path in sources(*PACKAGES) for _, name in names(tree_of(path))
    }
    listed = {path for paths in HOMES.values() for path in paths}
    assert {path for path, name in used if path in HOMES.get(name, ())} == listed


@pytest.mark.parametrize(
    ("rule", "folders"),
    [
        (core_imports, ("gate_agent/core",)),
        (asserts, PACKAGES),
        (broad_handlers, PACKAGES),
        (suppressions, PACKAGES),
        (long_functions, PACKAGES),
        (other_randomness, ("gate_agent/compose",)),
        (patches, ("tests",)),
    ],
)
def test_the_rule_is_kept(rule, folders):
    assert every(rule, sources(*folders)) == []


def test_files_stay_small():
    lengths = {relative(p): len(p.read_text().splitlines()) for p in sources(*PACKAGES)}
    assert {path: n for path, n in lengths.items() if n >= MAX_FILE_LINES} == {}


def test_the_live_processes_are_given_the_randomness_of_the_operating_system():
    given = {
        relative(path)
        for path in sources("gate_agent/compose")
        for _, name in names(tree_of(path))
        if name == "gate_agent.live.system_random"
    }
    assert {"gate_agent/compose/agent.py", "gate_agent/compose/reader.py"} <= given


@pytest.fixture(scope="module")
def files() -> Graph:
    return file_graph(sources(*PACKAGES))


@pytest.mark.parametrize("package", MAX_ARROWS)
def test_rooms_know_few_others(files, package):
    rooms = room_graph(files, package)
    assert len(rooms) > 1, "no room imports another: the graph is wrong"
    assert sum(map(len, rooms.values())) <= MAX_ARROWS[package], arrows(package, rooms)


@pytest.mark.parametrize("package", [*MAX_ARROWS, "drivers", "drivers.passport", "firmware_cfg"])
def test_no_arrow_between_rooms_runs_back(files, package):
    assert circles(room_graph(files, package)) == []


def test_no_files_import_one_another_in_a_circle(files):
    assert circles(files) == []


def test_a_circle_is_seen():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"d", "a"}}
    assert circles(graph) == [("b", "c"), ("d",)]
    inside = {"x.a.one": {"x.b"}, "x.b": {"x.a.two"}, "x.a.two": {"y"}, "y": {"x.b"}}
    assert room_graph(inside, "x") == {"a": {"b"}, "b": {"a"}}


# Texts that break the rules, to show that each rule sees it: they are parsed, and never run.
BREAKS = [
    (lambda tree: effects(tree, "sync/x.py"), "from time import monotonic as m\nm()"),
    (lambda tree: effects(tree, "sync/x.py"), "import datetime as d\nd.datetime.now()"),
    (lambda tree: effects(tree, "sync/x.py"), "import random\nrandom.choice([1])"),
    (lambda tree: effects(tree, "sync/x.py"), "import random\nrandom.Random()"),
    (lambda tree: effects(tree, "sync/x.py"), "import secrets"),
    (lambda tree: effects(tree, "sync/x.py"), "from threading import Thread"),
    (lambda tree: effects(tree, "sync/x.py"), "import numpy as np\nnp.random.default_rng()"),
    (lambda tree: effects(tree, "sync/x.py"), "import concurrent.futures"),
    (core_imports, "import time"),
    (core_imports, "from gate_agent.live import spawn"),
    (core_imports, "from drivers.passport import mrz"),
    (core_imports, "import numpy"),
    (asserts, "def f(x):\n    assert x"),
    (broad_handlers, "try:\n    f()\nexcept Exception:\n    pass"),
    (broad_handlers, "try:\n    f()\nexcept (ValueError, BaseException) as e:\n    g(e)"),
    (broad_handlers, "try:\n    f()\nexcept:\n    pass"),
    (suppressions, "with contextlib.suppress(Exception):\n    f()"),
    (long_functions, "def f():\n" + "    x = 1\n" * 59),
    (other_randomness, "Journal(random=lambda n: bytes(n))"),
    (other_randomness, "import random"),
    (patches, "from unittest import mock"),
    (patches, "import time\ntime.sleep(1)"),
]


@pytest.mark.parametrize(("rule", "text"), BREAKS)
def test_a_rule_sees_what_breaks_it(rule, text):
    assert list(rule(ast.parse(text)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (lambda tree: effects(tree, "sync/x.py"), "import random\nrandom.Random(7)"),
        (lambda tree: effects(tree, "gate_agent/live.py"), "import time\ntime.monotonic_ns()"),
        (lambda tree: effects(tree, "sync/x.py"), "def f(time):\n    return time.monotonic()"),
        (core_imports, "from drivers.types import Close\nfrom gate_agent.core import states"),
        (broad_handlers, "try:\n    f()\nexcept BaseException:\n    g()\n    raise"),
        (other_randomness, "Journal(random=live.system_random)"),
    ],
)
def test_a_rule_lets_pass_what_keeps_it(rule, text):
    assert list(rule(ast.parse(text))) == []


def main() -> None:
    """Print the arrows between the rooms of every package."""
    files = file_graph(sources(*PACKAGES))
    for package in (*PACKAGES, "drivers.passport"):
        print(arrows(package, room_graph(files, package)))


if __name__ == "__main__":
    main()
