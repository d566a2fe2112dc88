"""The traveller's display in French. A colon has a no-break space (U+00A0) before it."""

from __future__ import annotations

from biometrics.types import Guidance
from gate_agent.console.display_language import DisplayLanguage, Role, Scene

FRENCH = DisplayLanguage(
    code="fr",
    name="Français",
    states="FRA MCO LUX BEN BFA BDI CMR CAF TCD COM COG COD CIV DJI GAB GIN HTI MDG MLI NER SEN TGO",
    scenes={
        Scene.CLOSED: "Ce couloir est fermé. Veuillez en utiliser un autre.",
        Scene.DOCUMENT: "Posez votre passeport sur le lecteur.",
        Scene.ONE_PERSON: "Une seule personne à la fois. Familles au guichet : reculez ou attendez l’agent.",
        Scene.READING: "Lecture de votre passeport en cours. Veuillez le laisser en place.",
        Scene.OTHER_CARDS: "Retirez les autres cartes de votre passeport, puis reposez-le.",
        Scene.CAMERA: "Regardez la caméra.",
        Scene.WAIT: "Un instant, s’il vous plaît.",
        Scene.GO: "Veuillez avancer. N’oubliez pas votre passeport.",
        Scene.LEAVE: "Merci. Veuillez quitter le couloir.",
        Scene.OFFICER: "Veuillez attendre l’agent.",
        Scene.EVACUATE: "Sortez immédiatement par la porte ouverte.",
    },
    guidance={
        Guidance.NO_FACE: "Placez-vous devant la caméra.",
        Guidance.TOO_FAR: "Approchez-vous un peu.",
        Guidance.TOO_NEAR: "Reculez un peu.",
        Guidance.MOVE_LEFT: "Déplacez-vous un peu vers la gauche.",
        Guidance.MOVE_RIGHT: "Déplacez-vous un peu vers la droite.",
        Guidance.MOVE_UP: "Levez un peu la tête.",
        Guidance.MOVE_DOWN: "Baissez un peu la tête.",
        Guidance.HOLD_STILL: "Veuillez ne pas bouger.",
        Guidance.LOOK_STRAIGHT: "Regardez la caméra bien en face.",
        Guidance.OPEN_EYES: "Ouvrez les yeux.",
        Guidance.CLOSE_MOUTH: "Fermez la bouche.",
        Guidance.ONE_PERSON: "Une seule personne à la fois, s’il vous plaît.",
        Guidance.TAKE_OFF_GLASSES: "Retirez vos lunettes.",
        Guidance.UNCOVER_FACE: "Découvrez votre visage.",
        Guidance.TOO_DARK: "Il fait trop sombre. Approchez-vous de la lumière.",
        Guidance.TOO_BRIGHT: "La lumière est trop forte. Déplacez-vous un peu.",
        Guidance.LIGHT: "La lumière est irrégulière. Regardez la caméra bien en face.",
    },
    roles={
        Role.LANE: "Couloir",
        Role.DEMO: "DÉMO : ne pas utiliser à la frontière",
    },
)
