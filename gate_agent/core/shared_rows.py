"""Rows that the tables of all topologies share: from the document to the durable accept.

    Reading -> Verifying -> Deciding -> Admitting
    anything late, missing or wrong -> Referred -> OfficerDeciding -> Admitting

What a topology does otherwise stands in its own table, which takes precedence.
"""

from __future__ import annotations

from biometrics.types import Observed, PortraitPrepared, VerifyEnded
from drivers.types import (
    ActuationDone,
    DeviceFailed,
    DeviceReady,
    DocumentRemoved,
    DocumentVerified,
    MrzRead,
    PlantChanged,
    PortraitRead,
    ReadStep,
)
from gate_agent.core import admission, document, face, officer, regions
from gate_agent.core.messages import Checked, OfficerDecided, OfficerPresent, PermitRefused, Tick
from gate_agent.core.rows import Regions, Table, region, row
from gate_agent.core.states import (
    Admitting,
    Deciding,
    OfficerDeciding,
    Reading,
    Referred,
    Verifying,
)
from sync.log.types import AppendFailed

SHARED_ROWS: Table = dict(
    [
        row(Reading, MrzRead, document.mrz_read),
        row(Reading, ReadStep, document.read_step),
        row(Reading, PortraitRead, document.portrait_read),
        row(Reading, PortraitPrepared, document.portrait_prepared),
        row(Reading, DocumentVerified, document.document_verified),
        row(Reading, DocumentRemoved, document.document_removed),
        row(Reading, Checked, document.lists_checked),
        row(Reading, PlantChanged, document.watch_zone),
        row(Reading, DeviceFailed, document.reading_device_failed),
        row(Reading, Tick, document.reading_late),
        row(Verifying, Observed, face.observed),
        row(Verifying, VerifyEnded, face.verify_ended),
        row(Verifying, Checked, face.lists_checked),
        row(Verifying, PlantChanged, document.watch_zone),
        row(Verifying, DeviceFailed, face.verifying_device_failed),
        row(Verifying, Tick, face.verifying_late),
        row(Deciding, AppendFailed, admission.record_failed),
        row(Deciding, PlantChanged, document.watch_zone),
        row(Deciding, DeviceFailed, admission.accept_device_failed),
        row(Deciding, Tick, admission.record_late),
        row(Admitting, DeviceFailed, admission.accept_device_failed),
        row(Referred, OfficerDecided, officer.officer_decided),
        row(Referred, PlantChanged, officer.referred_moved),
        row(Referred, Tick, officer.referral_late),
        row(OfficerDeciding, AppendFailed, admission.record_failed),
        row(OfficerDeciding, PlantChanged, officer.referred_moved),
        row(OfficerDeciding, DeviceFailed, admission.accept_device_failed),
        row(OfficerDeciding, Tick, admission.record_late),
    ]
)
"""Rows of a crossing, from the document to the durable accept."""

SHARED_REGIONS: Regions = dict(
    [
        region(PlantChanged, regions.plant_changed),
        region(ActuationDone, regions.actuated),
        region(DeviceReady, regions.device_ready),
        region(DeviceFailed, regions.device_failed),
        region(AppendFailed, regions.append_failed),
        region(PermitRefused, regions.permit_refused),
        region(OfficerDecided, officer.officer_acted),
        region(OfficerPresent, officer.officer_present),
        region(Tick, regions.time_passed),
    ]
)
"""Rows of the lane's own regions: each event brings its region up to date first."""
