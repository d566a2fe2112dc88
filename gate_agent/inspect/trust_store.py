"""Files of a trust store on disk: those named at the command line, and the installed ones.

The installed store is a folder of DER files, each named by its SHA-256, beside an index
that has when each was imported and from which file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import chain, islice
from pathlib import Path

from drivers.passport.errors import DocumentError
from drivers.passport.trust.files import MAX_FILE, Source, parse_file
from gate_agent.inspect.bounded_file import TooLarge, read_bounded

MAX_FILES = 20_000
INDEX = "imported.json"
STAGED = f"{INDEX}.new"
OWN_FILES = frozenset({INDEX, STAGED})
"""Files of a store's own that hold nothing to trust: the index, and one that was being written."""

SUFFIX = ".trust"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found: sources with the file each came from, and files of other kinds."""

    sources: list[tuple[Source, Path]] = field(default_factory=list)
    refused: list[tuple[Path, str]] = field(default_factory=list)

    def parsed(self) -> list[Source]:
        """The sources alone."""
        return [source for source, _ in self.sources]


def read(paths: Iterable[Path]) -> Loaded:
    """Read certificates, master lists, CRLs and defect lists; of a folder, every file under it.

    A file of another kind is refused and named; it makes nothing trusted. The index of an
    installed store is passed over where a folder has it.

    Raises:
        OSError: a path cannot be read.
    """
    loaded = Loaded()
    every = chain.from_iterable(map(_files, paths))
    files = sorted(islice(every, MAX_FILES + 1))
    for file in files[:MAX_FILES]:
        try:
            found = parse_file(read_bounded(file, MAX_FILE))
        except (DocumentError, TooLarge) as error:
            loaded.refused.append((file, str(error)))
            continue
        loaded.sources.extend((source, file) for source in found)
    loaded.refused.extend((file, "too many files") for file in files[MAX_FILES:])
    return loaded


def installed(store: Path, but: frozenset[str] = frozenset()) -> Loaded:
    """The installed store, except objects of these SHA-256; empty where nothing was imported.

    Raises:
        OSError: a file of it cannot be read.
    """
    files = sorted(store.glob(f"*{SUFFIX}")) if store.is_dir() else []
    return read(file for file in files if file.stem not in but)


def index(store: Path) -> dict[str, dict[str, str]]:
    """When each object was imported, and from which file, by SHA-256."""
    try:
        found = json.loads((store / INDEX).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def install(store: Path, found: Iterable[tuple[Source, Path]], day: date) -> int:
    """Add objects to the installed store; how many are new.

    Raises:
        OSError: the store cannot be written.
    """
    store.mkdir(parents=True, exist_ok=True)
    known = index(store)
    new = 0
    for source, file in found:
        if source.sha256 in known:
            continue
        (store / f"{source.sha256}{SUFFIX}").write_bytes(source.der)
        known[source.sha256] = {"imported": day.isoformat(), "from": file.name}
        new += 1
    staged = store / STAGED
    staged.write_text(json.dumps(known, indent=1, sort_keys=True), encoding="utf-8")
    staged.replace(store / INDEX)
    return new


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, _, names in os.walk(path, onerror=_unreadable):
        files = (Path(folder, name) for name in names if name not in OWN_FILES)
        yield from (file for file in files if file.is_file())


def _unreadable(error: OSError) -> None:
    raise error
