"""The traveller's display in Malay."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

MALAY = DisplayLanguage(
    code="ms",
    name="Bahasa Melayu",
    states="MYS BRN",
    scenes={
        Scene.CLOSED: "Lorong ini ditutup. Sila gunakan lorong lain.",
        Scene.DOCUMENT: "Letakkan pasport anda pada pembaca.",
        Scene.ONE_PERSON: "Seorang demi seorang. Keluarga dilayan di kaunter: sila undur atau tunggu pegawai.",
        Scene.READING: "Pasport anda sedang dibaca. Jangan angkat.",
        Scene.OTHER_CARDS: "Keluarkan kad lain daripada pasport, kemudian letakkan semula.",
        Scene.CAMERA: "Pandang ke arah kamera.",
        Scene.WAIT: "Sila tunggu sebentar.",
        Scene.GO: "Sila jalan terus. Jangan lupa pasport anda.",
        Scene.LEAVE: "Terima kasih. Sila tinggalkan lorong.",
        Scene.OFFICER: "Sila tunggu pegawai.",
        Scene.EVACUATE: "Keluar sekarang melalui pintu yang terbuka.",
    },
    guidance={
        Guidance.NO_FACE: "Berdiri di hadapan kamera.",
        Guidance.TOO_FAR: "Mara sedikit ke hadapan.",
        Guidance.TOO_NEAR: "Undur sedikit.",
        Guidance.MOVE_LEFT: "Bergerak sedikit ke kiri.",
        Guidance.MOVE_RIGHT: "Bergerak sedikit ke kanan.",
        Guidance.MOVE_UP: "Angkat kepala sedikit.",
        Guidance.MOVE_DOWN: "Rendahkan kepala sedikit.",
        Guidance.HOLD_STILL: "Sila jangan bergerak.",
        Guidance.LOOK_STRAIGHT: "Pandang terus ke kamera.",
        Guidance.OPEN_EYES: "Buka mata anda.",
        Guidance.CLOSE_MOUTH: "Tutup mulut anda.",
        Guidance.ONE_PERSON: "Seorang sahaja di lorong.",
        Guidance.TAKE_OFF_GLASSES: "Tanggalkan cermin mata anda.",
        Guidance.UNCOVER_FACE: "Buka penutup muka anda.",
        Guidance.TOO_DARK: "Terlalu gelap. Bergerak ke tempat yang terang.",
        Guidance.TOO_BRIGHT: "Cahaya terlalu terang. Bergerak sedikit.",
        Guidance.LIGHT: "Cahaya tidak sekata. Pandang terus ke kamera.",
    },
    roles={
        Role.LANE: "Lorong",
        Role.DEMO: "DEMO: bukan untuk sempadan",
    },
)
