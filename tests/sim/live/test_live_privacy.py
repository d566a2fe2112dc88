"""After a crossing nothing of the traveller is left: not on the disk, not in the processes.

A real lane lets one traveller cross and stays open. Then every file of it is searched, and the
memory of its vision and reader processes (`/proc/PID/mem`), for rows of the portrait's pixels,
for the embeddings in single and half precision, and for the MRZ.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from demo_run import DemoRun, scenario
from lane_watch import at

from biometrics import image
from biometrics.pipeline import Pipeline
from biometrics.types import Tier
from gate_agent.lane_api.api import Step
from sim.devices.camera import icao_portrait
from sim.devices.photos import by_handle

pytestmark = pytest.mark.live

STORE = Path(sys.prefix) / "share" / "egate" / "models"
PHOTOS = Path(sys.prefix) / "share" / "egate" / "photos"
NUMBER, SURNAME = b"UT0010", b"LINDQVIST"
TRAVELLER = {"portrait": "b1", "expiry": "2033-05-01", "expect": '{ outcome = "admitted" }'}
PROCESSES = ("lane1.vision", "lane1.reader")


@pytest.fixture(scope="module")
def traces() -> dict[str, bytes]:
    """What must not be found, by what it is."""
    portrait = icao_portrait(by_handle("b1"), PHOTOS)
    picture = image.decode(portrait)
    pipeline = Pipeline(Tier.PACKAGED, STORE, None, 220, lambda: 0)
    template = pipeline.reference(portrait)
    assert not hasattr(template, "reason")
    (embedding,) = template.embeddings.values()  # type: ignore[union-attr]
    rows, columns = picture.shape[:2]
    return {
        "portrait, coded": portrait[len(portrait) // 2 :][:64],
        "portrait, pixels": picture[rows // 2, columns // 3 :][:64].tobytes(),
        "embedding, fp32": embedding[:16].tobytes(),
        "embedding, fp16": embedding[:16].astype(np.float16).tobytes(),
        "MRZ": NUMBER + b"<<<",
        "MRZ, name": SURNAME + b"<<",
    }


def memory(pid: int) -> list[bytes]:
    """Everything a process can write to."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", 0) as mem:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
            if found is None or "[vvar]" in line:
                continue
            low, high = (int(side, 16) for side in found.groups())
            try:
                mem.seek(low)
                parts.append(mem.read(high - low))
            except (OSError, ValueError, OverflowError):
                continue
    return parts


def test_nothing_of_a_traveller_is_left(traces: dict[str, bytes], tmp_path: Path) -> None:
    cast = scenario(tmp_path / "cast.toml", [[TRAVELLER]], '{ action = "ignore" }')
    text = cast.read_text()
    # a second traveller who comes when all is over keeps the lane open and empty
    later = text[text.index("[[travellers]]") :].replace("Ada", "Zoe").replace("UT0010", "UT0099")
    later = later.replace("walk_in_ms", "at_s = 3000\nwalk_in_ms").replace("Lindqvist A", "Quist A")
    cast.write_text(text + later)
    arguments = ("--models", STORE, "--photos", PHOTOS, "--cast", cast)
    with DemoRun(1, *arguments).open() as run:
        lane = run.lanes[1]
        run.line(r"lane 1 .* admitted ", 90)
        run.until(lambda: at(lane, Step.WAITING), "an empty lane", 30)
        files = {
            str(path.relative_to(run.root)): path.read_bytes()
            for path in run.root.rglob("*")
            if path.is_file()
        }
        found = [
            (name, what) for name, data in files.items() for what, t in traces.items() if t in data
        ]
        assert found == []
        for name in PROCESSES:
            pid = run.pid_of(name)
            assert pid is not None
            parts = memory(pid)
            assert sum(map(len, parts)) > 10_000_000
            left = {what for what, trace in traces.items() if any(trace in part for part in parts)}
            assert left == set(), name
