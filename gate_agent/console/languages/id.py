"""The traveller's display in Indonesian."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

INDONESIAN = DisplayLanguage(
    code="id",
    name="Bahasa Indonesia",
    states="IDN",
    scenes={
        Scene.CLOSED: "Jalur ini ditutup. Silakan gunakan jalur lain.",
        Scene.DOCUMENT: "Letakkan paspor Anda pada pembaca.",
        Scene.ONE_PERSON: "Satu orang saja. Keluarga dilayani di loket; mohon mundur atau tunggu petugas.",
        Scene.READING: "Paspor sedang dibaca. Jangan diangkat.",
        Scene.OTHER_CARDS: "Keluarkan kartu lain dari paspor, lalu letakkan kembali.",
        Scene.CAMERA: "Lihat ke arah kamera.",
        Scene.WAIT: "Mohon tunggu sebentar.",
        Scene.GO: "Silakan jalan. Jangan lupa paspor Anda.",
        Scene.LEAVE: "Terima kasih. Silakan tinggalkan jalur.",
        Scene.OFFICER: "Mohon tunggu petugas.",
        Scene.EVACUATE: "Segera keluar melalui pintu yang terbuka.",
    },
    guidance={
        Guidance.NO_FACE: "Berdirilah di depan kamera.",
        Guidance.TOO_FAR: "Maju sedikit.",
        Guidance.TOO_NEAR: "Mundur sedikit.",
        Guidance.MOVE_LEFT: "Geser sedikit ke kiri.",
        Guidance.MOVE_RIGHT: "Geser sedikit ke kanan.",
        Guidance.MOVE_UP: "Naikkan kepala sedikit.",
        Guidance.MOVE_DOWN: "Turunkan kepala sedikit.",
        Guidance.HOLD_STILL: "Mohon jangan bergerak.",
        Guidance.LOOK_STRAIGHT: "Lihat lurus ke kamera.",
        Guidance.OPEN_EYES: "Buka mata Anda.",
        Guidance.CLOSE_MOUTH: "Tutup mulut Anda.",
        Guidance.ONE_PERSON: "Satu orang saja di jalur.",
        Guidance.TAKE_OFF_GLASSES: "Lepaskan kacamata Anda.",
        Guidance.UNCOVER_FACE: "Buka penutup wajah Anda.",
        Guidance.TOO_DARK: "Terlalu gelap. Bergeraklah ke tempat yang terang.",
        Guidance.TOO_BRIGHT: "Cahaya terlalu terang. Bergeserlah sedikit.",
        Guidance.LIGHT: "Cahaya tidak merata. Lihat lurus ke kamera.",
    },
    roles={
        Role.LANE: "Jalur",
        Role.DEMO: "DEMO: bukan untuk perbatasan",
    },
)
