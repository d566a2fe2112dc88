"""The effective profile of one lane: every number the lane runs by, with its bounds.

A profile is the merge of a device model, a site and a gate (see `firmware_cfg.load`),
decoded once into these structs. Units are in the names; unknown fields are refused. The
turnstile's section is `firmware_cfg.turnstile`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from firmware_cfg.section import Baud, BudgetMs, Name, Section, ZoneName
from firmware_cfg.time_zone import SHIPPED_ZONE
from firmware_cfg.turnstile import Turnstile

Port = Annotated[int, Meta(ge=1, le=65535)]
ColumnPosition = Annotated[int, Meta(ge=-0x8000, le=0x7FFF)]
ZoomPosition = Annotated[int, Meta(ge=0, le=0x7FFF)]
Ratio = Annotated[float, Meta(ge=0.0, le=1.0)]
TopologyName = Literal["barrier", "mantrap"]
"""What a lane can be."""
TWO_DOORS: frozenset[TopologyName] = frozenset({"mantrap"})
"""Topologies whose exit opens only behind a shut entry."""


class OnPowerLoss(Section, frozen=True, kw_only=True):
    """What the doors do by themselves when the mains fail: a property of the installation."""

    entry: Literal["released", "locked"] = "released"
    exit: Literal["released", "locked"] = "released"


class Lane(Section, frozen=True, kw_only=True):
    """The lane: its place, topology and direction.

    `time_zone` is the gate's place in the IANA database: documents, ages and stays are judged
    by its calendar day, whatever the computer's own time zone is.
    `entry_opens` is of a mantrap: `after_document` has the reader before the entry door and
    opens it for a document that is in order; `on_approach` opens it for every traveller, with
    the reader inside.
    """

    gate: Name
    site: Name
    number: Annotated[int, Meta(ge=1, le=999)]
    direction: Literal["entry", "exit"]
    topology: TopologyName = "barrier"
    entry_opens: Literal["after_document", "on_approach"] = "after_document"
    reversible: bool = False  # an officer may swap entry and exit while the lane is at rest
    on_power_loss: OnPowerLoss = OnPowerLoss()
    door_close_attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    authority: Annotated[str, Meta(min_length=1, max_length=100)]
    crossing_point: Annotated[str, Meta(min_length=1, max_length=100)]
    time_zone: ZoneName = SHIPPED_ZONE
    demo: bool = False  # marked material is accepted, and every page and record is marked
    officer_lease_required: bool = True

    @property
    def two_doors(self) -> bool:
        """Whether a traveller stands in a chamber between two doors, as far as guards must know."""
        return self.topology in TWO_DOORS


class Budgets(Section, frozen=True, kw_only=True):
    """Time limits of each step; a step that is late refers the traveller."""

    mrz_ms: BudgetMs = 5_000  # BSI TR-03135-1: MRZ within 5 s of the document in place
    chip_ms: BudgetMs = 7_000  # EF.COM + SOD + DG1 + DG2 within 7 s
    prepare_ms: BudgetMs = 3_000
    verify_ms: BudgetMs = 10_000  # BSI TR-03121-3 ABC: acquisition with PAD
    frame_ms: BudgetMs = 250
    append_ms: BudgetMs = 2_000
    actuation_ms: BudgetMs = 2_000
    passage_ms: BudgetMs = 12_000  # from release to the zone empty again
    entry_ms: BudgetMs = 15_000  # from release of the entry door to the traveller inside
    present_ms: BudgetMs = 20_000  # inside, until the document is on the reader
    wait_ms: BudgetMs = 60_000  # with a document in order, until the chamber is free
    door_ms: BudgetMs = 6_000  # from commanding a door shut to closed and locked
    officer_ms: BudgetMs = 120_000  # a referral waits this long for an officer
    accept_valid_ms: BudgetMs = 5_000  # an accept opens within this time or never
    plant_stale_ms: BudgetMs = 1_000
    lease_ms: BudgetMs = 2_000


Account = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9._@-]+$")]
"""An officer's account at the console."""

CheckName = Literal[
    "mrz_consistency",
    "access_control",
    "sod_signature",
    "sod_conformance",
    "ds_chain",
    "ds_validity",
    "csca_validity",
    "ds_revocation",
    "dg_hash",
    "com_sod",
    "issuing_state",
    "active_authentication",
    "chip_authentication",
    "stripping",
    "expiry",
    "mrz_dg1",
    "face_image",
    "defects",
]
"""A check of a document (docs/document.md)."""

DeviationCode = Literal[
    "content_type_data",
    "content_type_other",
    "content_not_octets",
    "signed_data_version",
    "no_signed_attributes",
    "differ_by_fillers",
]
"""What is odd about a document that is otherwise in order (docs/document.md)."""


class Policy(Section, frozen=True, kw_only=True):
    """Conditions under which the gate admits by itself. Everything else goes to an officer."""

    min_age_years: Annotated[int, Meta(ge=0, le=120)] = 18
    min_days_to_expiry: Annotated[int, Meta(ge=0, le=3650)] = 0
    without_access_control: Literal["refer", "admit"] = "refer"  # a chip that anyone may read
    without_expiry: Literal["refer", "admit"] = "refer"  # a document that does not expire
    mandatory_checks: tuple[CheckName, ...] = (
        "mrz_consistency",
        "access_control",
        "sod_signature",
        "ds_chain",
        "ds_validity",
        "csca_validity",
        "dg_hash",
        "issuing_state",
        "expiry",
        "mrz_dg1",
    )
    undetermined_allowed: tuple[CheckName, ...] = ()
    deviations_allowed: tuple[DeviationCode, ...] = ()  # of documents; any other one refers
    pad_required: bool = True  # false only where `lane.demo` is true
    max_list_age_s: Annotated[int, Meta(ge=0, le=31_536_000)] | None = None  # None: any age
    max_faces: Annotated[int, Meta(ge=1, le=10)] = 1
    officer_reasons: tuple[Name, ...] = ("identity", "document", "conditions", "other")
    supervisors: tuple[Account, ...] = ()  # who may reopen after unchecked passages; (): anyone


class QualityLimits(Section, frozen=True, kw_only=True):
    """Limits of the live picture, for this gate's camera."""

    eye_distance_min_px: Annotated[float, Meta(ge=10, le=1000)] = 40.0
    head_height_max_ratio: Ratio = 0.9
    yaw_max_deg: Annotated[float, Meta(ge=1, le=90)] = 20.0
    pitch_max_deg: Annotated[float, Meta(ge=1, le=90)] = 20.0
    roll_max_deg: Annotated[float, Meta(ge=1, le=90)] = 15.0
    sharpness_min: Annotated[int, Meta(ge=0, le=100)] = 20
    exposure_min: Annotated[int, Meta(ge=0, le=100)] = 20
    eyes_open_min: Annotated[int, Meta(ge=0, le=100)] = 50
    mouth_closed_min: Annotated[int, Meta(ge=0, le=100)] = 20
    eyes_visible_min: Annotated[int, Meta(ge=0, le=100)] = 50  # less: dark glasses
    mouth_visible_min: Annotated[int, Meta(ge=0, le=100)] = 50  # less: a mask, a hand, a scarf
    illumination_uniformity_min: Annotated[int, Meta(ge=0, le=100)] = 5
    dynamic_range_min: Annotated[int, Meta(ge=0, le=100)] = 50
    unified_quality_min: Annotated[int, Meta(ge=0, le=100)] = 0


class FaceVerification(Section, frozen=True, kw_only=True):
    """Verification: error rate asked for, models and limits."""

    fmr: Annotated[float, Meta(gt=0.0, le=1e-2)] = 1e-3  # BSI TR-03121: FMR <= 0.1 %
    tier: Literal["best", "packaged", "recommended", "authority"] = "best"
    execution: Literal["cpu", "openvino"] = "cpu"  # openvino: onnxruntime-openvino is installed
    expected_face_px: Annotated[int, Meta(ge=40, le=2000)] = 220
    quality: QualityLimits = QualityLimits()


class Column(Section, frozen=True, kw_only=True):
    """The camera column on its serial port: it lifts or tilts, and zooms, by VISCA.

    Positions are the column's own units; up is more. `vertical_per_picture` is how many
    units move the view by its own height, at the wide end of the zoom.
    """

    port: Annotated[str, Meta(min_length=1, max_length=300)]
    baud: Baud = 9600
    address: Annotated[int, Meta(ge=1, le=7)] = 1
    lowest: ColumnPosition = -160  # a face at 1.00 m: a seated traveller
    highest: ColumnPosition = 160  # a face at 1.95 m: a traveller of 2.00 m and more
    home: ColumnPosition = 40  # most travellers
    vertical_per_picture: Annotated[int, Meta(ge=1, le=10_000)] = 300
    zoom_widest: ZoomPosition = 0x0000
    zoom_closest: ZoomPosition = 0x1000
    zoom_per_double: Annotated[int, Meta(ge=1, le=0x4000)] = 0x0C00  # units for twice the size
    speed: Annotated[int, Meta(ge=1, le=24)] = 12
    face_at: Ratio = 0.45  # where the middle of the face should be, from the top
    face_height: Ratio = 0.35  # of the picture
    dead_band: Ratio = 0.07  # of the picture: less than this is left alone
    step_ms: BudgetMs = 400  # at most one correction in this time
    backlight: bool = True


class Camera(Section, frozen=True, kw_only=True):
    """Where pictures come from: `device:0`, `rtsp://HOST/PATH`, `mjpeg:URL`, `file:PATH`.

    `exposure_us` None leaves the exposure to the camera; `backlight` None its compensation.
    `rotate` turns each picture clockwise by so many degrees, then `mirror` exchanges left and
    right: for a camera that is mounted sideways or upside down, or that mirrors. `credentials`
    names a file with one line NAME:PASSWORD, mode 0400, or a credential of the service manager.
    """

    source: Annotated[str, Meta(min_length=1, max_length=300)]
    width: Annotated[int, Meta(ge=320, le=4096)] = 1280
    height: Annotated[int, Meta(ge=240, le=4096)] = 720
    fps: Annotated[int, Meta(ge=1, le=120)] = 15
    frame_age_max_ms: BudgetMs = 500
    exposure_us: Annotated[int, Meta(ge=100, le=1_000_000)] | None = None
    backlight: Annotated[int, Meta(ge=0, le=255)] | None = None
    rotate: Literal[0, 90, 180, 270] = 0
    mirror: bool = False
    credentials: Annotated[str, Meta(min_length=1, max_length=300)] | None = None
    column: Column | None = None


class MrzReader(Section, frozen=True, kw_only=True):
    """The MRZ line reader on its serial port."""

    port: Annotated[str, Meta(min_length=1, max_length=300)]
    baud: Baud = 9600
    framing: Literal["cr", "desko", "rte", "elyctis"] = "cr"


class ChipReader(Section, frozen=True, kw_only=True):
    """The contactless reader on its serial port."""

    port: Annotated[str, Meta(min_length=1, max_length=300)]
    driver: Literal["pn532"] = "pn532"
    baud: Baud = 115_200  # the PN532's own after power-up
    baud_max: Baud = 921_600  # what to raise it to; equal to `baud` leaves it
    target_poll_ms: BudgetMs = 1_500  # wait this long for a chip in the field
    apdu_timeout_ms: BudgetMs = 2_000
    read_attempts: Annotated[int, Meta(ge=1, le=10)] = 3
    access: Annotated[tuple[Literal["pace", "bac"], ...], Meta(min_length=1, max_length=2)] = (
        "pace",
        "bac",
    )
    bac_fallback: bool = True  # whether BAC may open a chip whose PACE failed


FileName = Annotated[str, Meta(min_length=1, max_length=255)]


class SyncTls(Section, frozen=True, kw_only=True):
    """Files for TLS with client certificates, in PEM; a relative path is in the keys' folder."""

    ca: FileName = "mqtt-ca.pem"  # the authorities that may vouch for the broker
    cert: FileName = "mqtt.crt"  # ours
    key: FileName = "mqtt.key"  # ours: mode 0400, or a credential of the service manager


class Sync(Section, frozen=True, kw_only=True):
    """The way to the central system."""

    host: Annotated[str, Meta(min_length=1, max_length=255)] = "127.0.0.1"
    port: Port = 1883
    protocol: Literal["5", "3.1.1"] = "5"
    tls: SyncTls | None = None  # none is for a broker on this machine only
    topic_prefix: Name = "egate"
    batch_max_bytes: Annotated[int, Meta(ge=1024, le=262_144)] = 65_536
    batch_max_age_ms: BudgetMs = 50
    window_batches: Annotated[int, Meta(ge=1, le=1000)] = 100
    retry_min_ms: BudgetMs = 500
    retry_max_ms: BudgetMs = 30_000
    unsent_alarm_s: Annotated[int, Meta(ge=60, le=31_536_000)] = 259_200  # three days
    journal_days: Annotated[int, Meta(ge=7, le=3660)] = 90  # what the centre has stays so long
    journal_alarm_mb: Annotated[int, Meta(ge=10, le=10_000_000)] = 4_000


class Profile(Section, frozen=True, kw_only=True, cache_hash=True):
    """Everything one lane runs by. `msgspec.json.schema(Profile)` is the editor's schema."""

    lane: Lane
    camera: Camera
    mrz_reader: MrzReader
    chip_reader: ChipReader
    turnstile: Turnstile
    budgets: Budgets = Budgets()
    policy: Policy = Policy()
    face: FaceVerification = FaceVerification()
    sync: Sync = Sync()
