"""The traveller's display in Japanese."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

JAPANESE = DisplayLanguage(
    code="ja",
    name="日本語",
    states="JPN",
    scenes={
        Scene.CLOSED: "このレーンは閉鎖中です。ほかのレーンをご利用ください。",
        Scene.DOCUMENT: "パスポートを読み取り機に置いてください。",
        Scene.ONE_PERSON: "お一人ずつお進みください。ご家族は窓口へ。後ろに下がるか、係官をお待ちください。",
        Scene.READING: "パスポートを読み取っています。そのままお待ちください。",
        Scene.OTHER_CARDS: "他のカードをパスポートから取り出し、もう一度置いてください。",
        Scene.CAMERA: "カメラを見てください。",
        Scene.WAIT: "少々お待ちください。",
        Scene.GO: "お進みください。パスポートをお忘れなく。",
        Scene.LEAVE: "ありがとうございました。レーンからお出ください。",
        Scene.OFFICER: "係官をお待ちください。",
        Scene.EVACUATE: "開いているゲートからすぐに避難してください。",
    },
    guidance={
        Guidance.NO_FACE: "カメラの前に立ってください。",
        Guidance.TOO_FAR: "もう少し近づいてください。",
        Guidance.TOO_NEAR: "少し下がってください。",
        Guidance.MOVE_LEFT: "少し左に動いてください。",
        Guidance.MOVE_RIGHT: "少し右に動いてください。",
        Guidance.MOVE_UP: "頭を少し上げてください。",
        Guidance.MOVE_DOWN: "頭を少し下げてください。",
        Guidance.HOLD_STILL: "動かないでください。",
        Guidance.LOOK_STRAIGHT: "カメラをまっすぐ見てください。",
        Guidance.OPEN_EYES: "目を開けてください。",
        Guidance.CLOSE_MOUTH: "口を閉じてください。",
        Guidance.ONE_PERSON: "お一人ずつお願いします。",
        Guidance.TAKE_OFF_GLASSES: "眼鏡を外してください。",
        Guidance.UNCOVER_FACE: "顔を覆っているものを外してください。",
        Guidance.TOO_DARK: "暗すぎます。明るい所に移動してください。",
        Guidance.TOO_BRIGHT: "明るすぎます。少し移動してください。",
        Guidance.LIGHT: "光が均一ではありません。カメラをまっすぐ見てください。",
    },
    roles={
        Role.LANE: "レーン",
        Role.DEMO: "デモ：国境では使用不可",
    },
)
