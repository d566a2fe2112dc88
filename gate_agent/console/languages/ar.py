"""The traveller's display in Arabic."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

ARABIC = DisplayLanguage(
    code="ar",
    name="العربية",
    right_to_left=True,
    states="SAU ARE EGY QAT KWT BHR OMN JOR LBN SYR IRQ YEM SDN DZA MAR TUN LBY MRT PSE",
    scenes={
        Scene.CLOSED: "هذا الممر مغلق. يرجى استخدام ممر آخر.",
        Scene.DOCUMENT: "ضع جواز سفرك على القارئ.",
        Scene.ONE_PERSON: "شخص واحد في كل مرة. العائلات عند المكتب: تراجع خطوة أو انتظر الموظف.",
        Scene.READING: "تجري قراءة جواز سفرك. اتركه في مكانه.",
        Scene.OTHER_CARDS: "أبعد البطاقات الأخرى عن جواز سفرك ثم ضعه مرة أخرى.",
        Scene.CAMERA: "انظر إلى الكاميرا.",
        Scene.WAIT: "لحظة من فضلك.",
        Scene.GO: "تفضّل بالمرور. لا تنسَ جواز سفرك.",
        Scene.LEAVE: "شكرًا لك. يرجى مغادرة الممر.",
        Scene.OFFICER: "يرجى انتظار الموظف.",
        Scene.EVACUATE: "اخرج الآن من البوابة المفتوحة.",
    },
    guidance={
        Guidance.NO_FACE: "قف أمام الكاميرا.",
        Guidance.TOO_FAR: "اقترب قليلاً.",
        Guidance.TOO_NEAR: "تراجع قليلاً.",
        Guidance.MOVE_LEFT: "تحرّك قليلاً إلى اليسار.",
        Guidance.MOVE_RIGHT: "تحرّك قليلاً إلى اليمين.",
        Guidance.MOVE_UP: "ارفع رأسك قليلاً.",
        Guidance.MOVE_DOWN: "اخفض رأسك قليلاً.",
        Guidance.HOLD_STILL: "يرجى عدم الحركة.",
        Guidance.LOOK_STRAIGHT: "انظر مباشرة إلى الكاميرا.",
        Guidance.OPEN_EYES: "افتح عينيك.",
        Guidance.CLOSE_MOUTH: "أغلق فمك.",
        Guidance.ONE_PERSON: "شخص واحد فقط من فضلك.",
        Guidance.TAKE_OFF_GLASSES: "اخلع نظارتك.",
        Guidance.UNCOVER_FACE: "اكشف وجهك.",
        Guidance.TOO_DARK: "الإضاءة ضعيفة. انتقل إلى مكان مضيء.",
        Guidance.TOO_BRIGHT: "الإضاءة قوية جدًا. تحرّك قليلاً.",
        Guidance.LIGHT: "الإضاءة غير متساوية. انظر مباشرة إلى الكاميرا.",
    },
    roles={
        Role.LANE: "ممر",
        Role.DEMO: "عرض تجريبي: ليس للحدود",
    },
)
