"""The texts of the traveller's display: one sentence per scene and hint, per language.

A language is a column: add it to `LANGUAGES`, a text to every row, and the states whose
travellers are likely to read it to `STATES`. A display shows two at a time.
"""

from __future__ import annotations

from enum import StrEnum

from biometrics.types import Guidance

LANGUAGES = {
    "id": "Bahasa Indonesia",
    "en": "English",
    "ms": "Bahasa Melayu",
    "zh": "中文",
    "ar": "العربية",
    "ja": "日本語",
}
"""Code (BCP 47) to what its readers call it."""

RIGHT_TO_LEFT = frozenset({"ar"})
SITE_LANGUAGE, WIDELY_READ = "id", "en"

STATES = {
    "id": "IDN",
    "ms": "MYS BRN",
    "zh": "CHN TWN HKG MAC",
    "ar": "SAU ARE EGY QAT KWT BHR OMN JOR LBN SYR IRQ YEM SDN DZA MAR TUN LBY MRT PSE",
    "ja": "JPN",
}
"""Issuing states (Doc 9303-3, 5) for whose documents a language comes first; else English."""

_OF_STATE = {state: code for code, states in STATES.items() for state in states.split()}

Text = dict[str, str]


def languages_for(issuing_state: str) -> tuple[str, str]:
    """The two languages for a document's holder, theirs first; the site's while unknown.

    Args:
        issuing_state: as in the zone, "" until it is read.
    """
    first = _OF_STATE.get(issuing_state, WIDELY_READ) if issuing_state else SITE_LANGUAGE
    return first, SITE_LANGUAGE if first == WIDELY_READ else WIDELY_READ


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
        "ms": "Lorong ini ditutup. Sila gunakan lorong lain.",
        "zh": "此通道已关闭，请使用其他通道。",
        "ar": "هذا الممر مغلق. يرجى استخدام ممر آخر.",
        "ja": "このレーンは閉鎖中です。ほかのレーンをご利用ください。",
    },
    Scene.DOCUMENT: {
        "id": "Letakkan paspor Anda pada pembaca.",
        "en": "Place your passport on the reader.",
        "ms": "Letakkan pasport anda pada pembaca.",
        "zh": "请将护照放在读取器上。",
        "ar": "ضع جواز سفرك على القارئ.",
        "ja": "パスポートを読み取り機に置いてください。",
    },
    Scene.ONE_PERSON: {
        "id": "Satu orang saja. Keluarga dilayani di loket; mohon mundur atau tunggu petugas.",
        "en": "One person at a time. Families use the desk: step back, or wait for the officer.",
        "ms": "Seorang demi seorang. Keluarga dilayan di kaunter: sila undur atau tunggu pegawai.",
        "zh": "请单人通过。家庭请走人工柜台：请后退，或等候工作人员。",
        "ar": "شخص واحد في كل مرة. العائلات عند المكتب: تراجع خطوة أو انتظر الموظف.",
        "ja": "お一人ずつお進みください。ご家族は窓口へ。後ろに下がるか、係官をお待ちください。",
    },
    Scene.READING: {
        "id": "Paspor sedang dibaca. Jangan diangkat.",
        "en": "Your passport is being read. Please leave it in place.",
        "ms": "Pasport anda sedang dibaca. Jangan angkat.",
        "zh": "正在读取护照，请勿移动。",
        "ar": "تجري قراءة جواز سفرك. اتركه في مكانه.",
        "ja": "パスポートを読み取っています。そのままお待ちください。",
    },
    Scene.CAMERA: {
        "id": "Lihat ke arah kamera.",
        "en": "Look at the camera.",
        "ms": "Pandang ke arah kamera.",
        "zh": "请看摄像头。",
        "ar": "انظر إلى الكاميرا.",
        "ja": "カメラを見てください。",
    },
    Scene.WAIT: {
        "id": "Mohon tunggu sebentar.",
        "en": "One moment, please.",
        "ms": "Sila tunggu sebentar.",
        "zh": "请稍候。",
        "ar": "لحظة من فضلك.",
        "ja": "少々お待ちください。",
    },
    Scene.GO: {
        "id": "Silakan jalan. Jangan lupa paspor Anda.",
        "en": "Please walk through. Take your passport with you.",
        "ms": "Sila jalan terus. Jangan lupa pasport anda.",
        "zh": "请通行，并带好您的护照。",
        "ar": "تفضّل بالمرور. لا تنسَ جواز سفرك.",
        "ja": "お進みください。パスポートをお忘れなく。",
    },
    Scene.LEAVE: {
        "id": "Terima kasih. Silakan tinggalkan jalur.",
        "en": "Thank you. Please leave the lane.",
        "ms": "Terima kasih. Sila tinggalkan lorong.",
        "zh": "谢谢，请离开通道。",
        "ar": "شكرًا لك. يرجى مغادرة الممر.",
        "ja": "ありがとうございました。レーンからお出ください。",
    },
    Scene.OFFICER: {
        "id": "Mohon tunggu petugas.",
        "en": "Please wait for the officer.",
        "ms": "Sila tunggu pegawai.",
        "zh": "请等候工作人员。",
        "ar": "يرجى انتظار الموظف.",
        "ja": "係官をお待ちください。",
    },
    Scene.EVACUATE: {
        "id": "Segera keluar melalui pintu yang terbuka.",
        "en": "Leave now through the open gate.",
        "ms": "Keluar sekarang melalui pintu yang terbuka.",
        "zh": "请立即从打开的闸门离开。",
        "ar": "اخرج الآن من البوابة المفتوحة.",
        "ja": "開いているゲートからすぐに避難してください。",
    },
}

GUIDANCE: dict[Guidance, Text] = {
    Guidance.NO_FACE: {
        "id": "Berdirilah di depan kamera.",
        "en": "Stand in front of the camera.",
        "ms": "Berdiri di hadapan kamera.",
        "zh": "请站在摄像头前。",
        "ar": "قف أمام الكاميرا.",
        "ja": "カメラの前に立ってください。",
    },
    Guidance.TOO_FAR: {
        "id": "Maju sedikit.",
        "en": "Come a little closer.",
        "ms": "Mara sedikit ke hadapan.",
        "zh": "请靠近一点。",
        "ar": "اقترب قليلاً.",
        "ja": "もう少し近づいてください。",
    },
    Guidance.TOO_NEAR: {
        "id": "Mundur sedikit.",
        "en": "Step back a little.",
        "ms": "Undur sedikit.",
        "zh": "请后退一点。",
        "ar": "تراجع قليلاً.",
        "ja": "少し下がってください。",
    },
    Guidance.MOVE_LEFT: {
        "id": "Geser sedikit ke kiri.",
        "en": "Move a little to the left.",
        "ms": "Bergerak sedikit ke kiri.",
        "zh": "请向左移动一点。",
        "ar": "تحرّك قليلاً إلى اليسار.",
        "ja": "少し左に動いてください。",
    },
    Guidance.MOVE_RIGHT: {
        "id": "Geser sedikit ke kanan.",
        "en": "Move a little to the right.",
        "ms": "Bergerak sedikit ke kanan.",
        "zh": "请向右移动一点。",
        "ar": "تحرّك قليلاً إلى اليمين.",
        "ja": "少し右に動いてください。",
    },
    Guidance.MOVE_UP: {
        "id": "Naikkan kepala sedikit.",
        "en": "Raise your head a little.",
        "ms": "Angkat kepala sedikit.",
        "zh": "请把头抬高一点。",
        "ar": "ارفع رأسك قليلاً.",
        "ja": "頭を少し上げてください。",
    },
    Guidance.MOVE_DOWN: {
        "id": "Turunkan kepala sedikit.",
        "en": "Lower your head a little.",
        "ms": "Rendahkan kepala sedikit.",
        "zh": "请把头放低一点。",
        "ar": "اخفض رأسك قليلاً.",
        "ja": "頭を少し下げてください。",
    },
    Guidance.HOLD_STILL: {
        "id": "Mohon jangan bergerak.",
        "en": "Please hold still.",
        "ms": "Sila jangan bergerak.",
        "zh": "请保持不动。",
        "ar": "يرجى عدم الحركة.",
        "ja": "動かないでください。",
    },
    Guidance.LOOK_STRAIGHT: {
        "id": "Lihat lurus ke kamera.",
        "en": "Look straight at the camera.",
        "ms": "Pandang terus ke kamera.",
        "zh": "请正视摄像头。",
        "ar": "انظر مباشرة إلى الكاميرا.",
        "ja": "カメラをまっすぐ見てください。",
    },
    Guidance.OPEN_EYES: {
        "id": "Buka mata Anda.",
        "en": "Open your eyes.",
        "ms": "Buka mata anda.",
        "zh": "请睁开眼睛。",
        "ar": "افتح عينيك.",
        "ja": "目を開けてください。",
    },
    Guidance.CLOSE_MOUTH: {
        "id": "Tutup mulut Anda.",
        "en": "Close your mouth.",
        "ms": "Tutup mulut anda.",
        "zh": "请闭上嘴。",
        "ar": "أغلق فمك.",
        "ja": "口を閉じてください。",
    },
    Guidance.ONE_PERSON: {
        "id": "Satu orang saja di jalur.",
        "en": "One person at a time, please.",
        "ms": "Seorang sahaja di lorong.",
        "zh": "通道内请只留一人。",
        "ar": "شخص واحد فقط من فضلك.",
        "ja": "お一人ずつお願いします。",
    },
    Guidance.LIGHT: {
        "id": "Buka topi atau kacamata Anda.",
        "en": "Take off your hat or glasses.",
        "ms": "Tanggalkan topi atau cermin mata anda.",
        "zh": "请摘下帽子或眼镜。",
        "ar": "اخلع القبعة أو النظارة.",
        "ja": "帽子や眼鏡を外してください。",
    },
}

ROLES: dict[str, Text] = {
    "lane": {
        "id": "Jalur",
        "en": "Lane",
        "ms": "Lorong",
        "zh": "通道",
        "ar": "ممر",
        "ja": "レーン",
    },
    "demo": {
        "id": "DEMO: bukan untuk perbatasan",
        "en": "DEMO: not for a border",
        "ms": "DEMO: bukan untuk sempadan",
        "zh": "演示：不用于边境",
        "ar": "عرض تجريبي: ليس للحدود",
        "ja": "デモ：国境では使用不可",
    },
}
