"""The traveller's display in Chinese."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

CHINESE = DisplayLanguage(
    code="zh",
    name="中文",
    states="CHN TWN HKG MAC",
    scenes={
        Scene.CLOSED: "此通道已关闭，请使用其他通道。",
        Scene.DOCUMENT: "请将护照放在读取器上。",
        Scene.ONE_PERSON: "请单人通过。家庭请走人工柜台：请后退，或等候工作人员。",
        Scene.READING: "正在读取护照，请勿移动。",
        Scene.OTHER_CARDS: "请取出护照旁的其他卡片，然后重新放好护照。",
        Scene.CAMERA: "请看摄像头。",
        Scene.WAIT: "请稍候。",
        Scene.GO: "请通行，并带好您的护照。",
        Scene.LEAVE: "谢谢，请离开通道。",
        Scene.OFFICER: "请等候工作人员。",
        Scene.EVACUATE: "请立即从打开的闸门离开。",
    },
    guidance={
        Guidance.NO_FACE: "请站在摄像头前。",
        Guidance.TOO_FAR: "请靠近一点。",
        Guidance.TOO_NEAR: "请后退一点。",
        Guidance.MOVE_LEFT: "请向左移动一点。",
        Guidance.MOVE_RIGHT: "请向右移动一点。",
        Guidance.MOVE_UP: "请把头抬高一点。",
        Guidance.MOVE_DOWN: "请把头放低一点。",
        Guidance.HOLD_STILL: "请保持不动。",
        Guidance.LOOK_STRAIGHT: "请正视摄像头。",
        Guidance.OPEN_EYES: "请睁开眼睛。",
        Guidance.CLOSE_MOUTH: "请闭上嘴。",
        Guidance.ONE_PERSON: "通道内请只留一人。",
        Guidance.TAKE_OFF_GLASSES: "请摘下眼镜。",
        Guidance.UNCOVER_FACE: "请露出面部。",
        Guidance.TOO_DARK: "光线太暗，请移到亮处。",
        Guidance.TOO_BRIGHT: "光线太强，请稍微移动。",
        Guidance.LIGHT: "光线不均匀，请正视摄像头。",
    },
    roles={
        Role.LANE: "通道",
        Role.DEMO: "演示：不用于边境",
    },
)
