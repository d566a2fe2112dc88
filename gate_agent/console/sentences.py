"""What the traveller's display says: one sentence per scene and hint, per language.

A language is a column: add its code to `LANGUAGES` and a text to every row. A display
shows the languages in this order.
"""

from __future__ import annotations

from enum import StrEnum

from biometrics.types import Guidance

LANGUAGES = ("id", "en")

Text = dict[str, str]


class Scene(StrEnum):
    """What the traveller sees. Every referral is OFFICER, whatever its reason."""

    CLOSED = "closed"
    DOCUMENT = "document"
    ONE_PERSON = "one_person"
    READING = "reading"
    CAMERA = "camera"
    WAIT = "wait"
    GO = "go"
    LEAVE = "leave"
    OFFICER = "officer"
    EVACUATE = "evacuate"


SCENES: dict[Scene, Text] = {
    Scene.CLOSED: {
        "id": "Jalur ini ditutup. Silakan gunakan jalur lain.",
        "en": "This lane is closed. Please use another lane.",
    },
    Scene.DOCUMENT: {
        "id": "Letakkan paspor Anda pada pembaca.",
        "en": "Place your passport on the reader.",
    },
    Scene.ONE_PERSON: {
        "id": "Satu orang saja. Keluarga dilayani di loket; mohon mundur atau tunggu petugas.",
        "en": "One person at a time. Families use the desk: step back, or wait for the officer.",
    },
    Scene.READING: {
        "id": "Paspor sedang dibaca. Jangan diangkat.",
        "en": "Your passport is being read. Please leave it in place.",
    },
    Scene.CAMERA: {
        "id": "Lihat ke arah kamera.",
        "en": "Look at the camera.",
    },
    Scene.WAIT: {
        "id": "Mohon tunggu sebentar.",
        "en": "One moment, please.",
    },
    Scene.GO: {
        "id": "Silakan jalan. Jangan lupa paspor Anda.",
        "en": "Please walk through. Take your passport with you.",
    },
    Scene.LEAVE: {
        "id": "Terima kasih. Silakan tinggalkan jalur.",
        "en": "Thank you. Please leave the lane.",
    },
    Scene.OFFICER: {
        "id": "Mohon tunggu petugas.",
        "en": "Please wait for the officer.",
    },
    Scene.EVACUATE: {
        "id": "Segera keluar melalui pintu yang terbuka.",
        "en": "Leave now through the open gate.",
    },
}

GUIDANCE: dict[Guidance, Text] = {
    Guidance.NO_FACE: {"id": "Berdirilah di depan kamera.", "en": "Stand in front of the camera."},
    Guidance.TOO_FAR: {"id": "Maju sedikit.", "en": "Come a little closer."},
    Guidance.TOO_NEAR: {"id": "Mundur sedikit.", "en": "Step back a little."},
    Guidance.MOVE_LEFT: {"id": "Geser sedikit ke kiri.", "en": "Move a little to the left."},
    Guidance.MOVE_RIGHT: {"id": "Geser sedikit ke kanan.", "en": "Move a little to the right."},
    Guidance.MOVE_UP: {"id": "Naikkan kepala sedikit.", "en": "Raise your head a little."},
    Guidance.MOVE_DOWN: {"id": "Turunkan kepala sedikit.", "en": "Lower your head a little."},
    Guidance.HOLD_STILL: {"id": "Mohon jangan bergerak.", "en": "Please hold still."},
    Guidance.LOOK_STRAIGHT: {"id": "Lihat lurus ke kamera.", "en": "Look straight at the camera."},
    Guidance.OPEN_EYES: {"id": "Buka mata Anda.", "en": "Open your eyes."},
    Guidance.CLOSE_MOUTH: {"id": "Tutup mulut Anda.", "en": "Close your mouth."},
    Guidance.ONE_PERSON: {"id": "Satu orang saja di jalur.", "en": "One person at a time, please."},
    Guidance.LIGHT: {"id": "Buka topi atau kacamata Anda.", "en": "Take off your hat or glasses."},
}

ROLES: dict[str, Text] = {
    "lane": {"id": "Jalur", "en": "Lane"},
    "demo": {"id": "DEMO: bukan untuk perbatasan", "en": "DEMO: not for a border"},
}
