"""Specimens, forgeries and faults by name: what `egate chip` lists and serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from sim.chip.card import card_of
from sim.chip.clones import CLONES
from sim.chip.faults import FAULTS, PROTOCOL_FAULTS, Fault
from sim.chip.folder import load_card
from sim.chip.forgeries import FORGERIES, SPECIAL_FORGERIES, Forgery
from sim.chip.model import Behaviour, Card
from sim.chip.specimens import SPECIMENS

ALL_FORGERIES: dict[str, Forgery] = {**FORGERIES, **SPECIAL_FORGERIES, **CLONES}
ALL_FAULTS: dict[str, Fault] = {**FAULTS, **PROTOCOL_FAULTS}


class Unsuitable(Exception):
    """An unknown name, or a forgery of what cannot be forged so; the text says which."""


def prepare(specimen: str | None, folder: Path | None, faults: Sequence[str]) -> Card:
    """The chip of a specimen or folder with the faults applied in order.

    Raises:
        Unsuitable: an unknown specimen or fault, or a forgery asked of a folder or of a
            specimen that lacks what it forges.
        FolderError: the folder holds no document.
    """
    unknown = [name for name in faults if name not in ALL_FAULTS and name not in ALL_FORGERIES]
    if unknown:
        raise Unsuitable(f"no fault is called {unknown[0]}; `egate chip faults` lists them")
    behaviour = merged([ALL_FAULTS[name].behaviour for name in faults if name in ALL_FAULTS])
    forgeries = [ALL_FORGERIES[name] for name in faults if name in ALL_FORGERIES]
    if folder is not None:
        if forgeries:
            raise Unsuitable(f"{forgeries[0].name} needs a specimen, whose keys are known")
        return load_card(folder, behaviour)
    if specimen is None or specimen not in SPECIMENS:
        raise Unsuitable(f"no specimen is called {specimen}; `egate chip specimens` lists them")
    made = SPECIMENS[specimen].personalisation()
    for forgery in forgeries:
        if not forgery.fits(made):
            raise Unsuitable(f"{forgery.name} does not fit {specimen}; it fits {forgery.specimen}")
        made = forgery.apply(made)
    return card_of(made, behaviour)


def merged(behaviours: Sequence[Behaviour]) -> Behaviour:
    """All departures of several behaviours in one; of two in the same respect the later."""
    plain = Behaviour()
    changes = {
        field.name: value
        for behaviour in behaviours
        for field in fields(Behaviour)
        if (value := getattr(behaviour, field.name)) != getattr(plain, field.name)
    }
    return replace(plain, **changes)


def records() -> list[dict[str, object]]:
    """What `egate chip faults --json` prints.

    `specimen` is one that the fault fits, `mrz` what is then printed on it. `caught_by` is
    the check that must not succeed, "" where a good reader overcomes the fault.
    """
    found: list[dict[str, object]] = []
    for name, forgery in ALL_FORGERIES.items():
        made = forgery.apply(SPECIMENS[forgery.specimen].personalisation())
        printed = made.printed.printed
        found.append(_record(name, "forgery", forgery.caught_by, forgery.specimen, printed))
    for name, fault in ALL_FAULTS.items():
        printed = SPECIMENS[fault.specimen].personalisation().printed.printed
        found.append(_record(name, "fault", fault.caught_by, fault.specimen, printed))
    return found


def _record(name: str, kind: str, caught_by: str, specimen: str, printed: str) -> dict[str, object]:
    return {
        "name": name,
        "kind": kind,
        "caught_by": caught_by,
        "specimen": specimen,
        "mrz": printed,
        "can": SPECIMENS[specimen].personalisation().features.can or None,
    }
