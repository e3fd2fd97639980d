"""Captions of rendered clips. They say what is seen; clips of one trajectory share the kind of sentence."""

from __future__ import annotations

from vidmem.corpus.made.contents import CONTENTS
from vidmem.corpus.made.motions import MOTIONS
from vidmem.corpus.made.render import look

_CAMERA = {
    "still": "static shot",
    "pan-left": "slow pan to the left",
    "pan-right": "slow pan to the right",
    "zoom-in": "slow zoom in",
    "zoom-out": "slow zoom out",
}


def caption(content: str, motion: str, camera: str, seed: int) -> str:
    """A caption such as stock footage has."""
    shown, moved = CONTENTS[content], MOTIONS[motion]
    ground, tints = look(content, seed)
    colour = " and ".join(tints)
    noun = shown.sprite.noun if moved.sprites == 1 else shown.sprite.plural
    count = (_article(colour), "two", "three")[moved.sprites - 1]
    scene = shown.noun.format(" and ".join(ground[:2]))
    scene = f"{_article(scene[2:])} {scene[2:]}" if scene.startswith("a ") else scene
    sentence = f"{moved.medium} of {count} {colour} {noun} {moved.phrase} over {scene}, {_CAMERA[camera]}"
    return sentence[0].upper() + sentence[1:]


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"
