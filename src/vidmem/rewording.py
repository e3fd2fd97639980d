"""Other words for the same caption, by rules: does a model remember a text, or what the text says?

No language model is asked. A rule changes the form and keeps the meaning: synonyms that hold in captions, numbers as
words or digits, an article that may go, the order of a caption's parts, active and passive, and the frame that captions
of stock footage have ("footage of ..."). The rules know English; a text that they can't take hold of has no rewordings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vidmem.text import normalise_text, stable_fraction

MAX_FORMS = 256  # forms of one text that are drawn from

# Words and phrases of one meaning in a caption. Each may stand for each other of its row.
SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("aerial view", "view from above", "bird's-eye view"),
    ("close up", "close-up", "closeup"),
    ("time lapse", "time-lapse", "timelapse"),
    ("slow motion", "slow-motion"),
    ("static shot", "fixed shot", "shot with a fixed camera"),
    ("slow pan to the left", "slow pan leftwards"),
    ("slow pan to the right", "slow pan rightwards"),
    ("slow zoom in", "gentle zoom in"),
    ("slow zoom out", "gentle zoom out"),
    ("at night", "by night"),
    ("at sunset", "at sundown"),
    ("at sunrise", "at daybreak"),
    ("at dusk", "at nightfall"),
    ("next to", "beside"),
    ("on top of", "atop"),
    ("looking at", "gazing at"),
    ("wandering about", "roaming about"),
    ("lying still", "lying motionless"),
    ("passing each other", "going past each other"),
    ("big", "large"),
    ("small", "little"),
    ("beautiful", "lovely"),
    ("happy", "cheerful"),
    ("quiet", "calm"),
    ("woman", "lady"),
    ("women", "ladies"),
    ("kid", "child"),
    ("kids", "children"),
    ("car", "automobile"),
    ("cars", "automobiles"),
    ("bike", "bicycle"),
    ("bikes", "bicycles"),
    ("picture", "image"),
    ("street", "road"),
    ("ocean", "sea"),
    ("sofa", "couch"),
    ("smartphone", "mobile phone"),
    ("airplane", "aeroplane"),
    ("colorful", "colourful", "many-coloured"),
    ("grey", "gray"),
    ("jumping", "leaping"),
    ("chatting", "talking"),
    ("shining", "gleaming"),
    ("swinging", "swaying"),
    ("zigzagging", "moving in a zigzag"),
)
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
FRAMES = ("Footage of", "A video of", "A clip of", "A film of")
MEDIA = (
    "video", "videos", "footage", "clip", "clips", "film", "shot", "animation", "view", "timelapse", "time-lapse",
    "close-up", "closeup", "render", "rendering", "illustration", "background", "loop", "sequence", "scene", "graphics",
    "screen", "lapse", "close", "diagram", "invitation", "trailer", "recording", "photo", "picture", "image",
)  # fmt: skip
PARTICIPLES = {
    "building": "built", "carrying": "carried", "catching": "caught", "cleaning": "cleaned", "cooking": "cooked",
    "cutting": "cut", "drawing": "drawn", "drinking": "drunk", "driving": "driven", "eating": "eaten",
    "feeding": "fed", "filling": "filled", "fixing": "fixed", "holding": "held", "kicking": "kicked",
    "lifting": "lifted", "making": "made", "opening": "opened", "painting": "painted", "peeling": "peeled",
    "playing": "played", "pouring": "poured", "pulling": "pulled", "pushing": "pushed", "reading": "read",
    "repairing": "repaired", "riding": "ridden", "rolling": "rolled", "slicing": "sliced", "stirring": "stirred",
    "throwing": "thrown", "washing": "washed", "watering": "watered", "writing": "written",
}  # fmt: skip
ARTICLES = ("a", "an", "the")
DETERMINERS = (*ARTICLES, *NUMBERS[1:], "some", "many", "several")
WHEN = (
    "at night", "by night", "at sunset", "at sundown", "at sunrise", "at daybreak", "at dawn", "at dusk",
    "at nightfall", "at noon", "in the morning", "in the afternoon", "in the evening", "in spring", "in summer",
    "in autumn", "in winter", "in slow motion", "on a sunny day", "on a rainy day", "on a windy day",
    "on a foggy morning",
)  # fmt: skip
_ENGLISH = frozenset((*ARTICLES, "of", "in", "on", "at", "with", "and", "over", "by", "to", "from"))
_BETWEEN = (_ENGLISH | {"is", "are"}) - set(ARTICLES)  # words that end a simple noun phrase
_DETERMINED = rf"(?:{'|'.join(DETERMINERS)})\b"
_NUMBER_OF = {word: str(n) for n, word in enumerate(NUMBERS, 1)} | {str(n): word for n, word in enumerate(NUMBERS, 1)}

Rule = Callable[[str], Iterator[str]]


def reword(text: str, seed: int, n: int) -> list[str]:
    """At most `n` rewordings of a caption, all different from it and from each other: the same for the same arguments.

    More of them only append to fewer. A text without a rule that fits, such as one in another language, has none.
    Raises `ValueError` for a negative `n`.
    """
    if n < 0:
        raise ValueError(f"n must not be negative, not {n}")
    text = normalise_text(text)
    if not {*_ENGLISH, *DETERMINERS} & set(re.findall(r"[a-z]+", text.lower())):
        return []
    forms = _forms(text)
    return sorted(forms, key=lambda form: (stable_fraction("reword", seed, text, form), form))[:n]


def _forms(text: str) -> list[str]:
    """What one rule, or two after each other, make of a text."""
    once = list(dict.fromkeys(_apply_all(text)))
    twice = (form for first in once for form in _apply_all(first))
    forms = dict.fromkeys((*once, *twice))
    forms.pop(text, None)
    return list(forms)[:MAX_FORMS]


def _apply_all(text: str) -> Iterator[str]:
    for rule in RULES:
        yield from (normalise_text(form) for form in rule(text))


def _synonyms(text: str) -> Iterator[str]:
    for row in SYNONYMS:
        for old in row:
            for match in re.finditer(rf"(?<![\w'-]){re.escape(old)}(?![\w'-])", text, re.IGNORECASE):
                for new in row:
                    if new != old:
                        yield _put(text, match.start(), match.end(), new)


def _numbers(text: str) -> Iterator[str]:
    for match in re.finditer(r"(?<![\w'.,:/-])\w+(?![\w'.:/%-])", text):
        new = _NUMBER_OF.get(match[0].lower())
        if new and match[0].lower() != "one" and not _follows_article(text[: match.start()]):
            yield _put(text, match.start(), match.end(), new)


def _follows_article(before: str) -> bool:
    """Whether the word there is named, as in "the 7 o'clock news", rather than counted."""
    return before.lower().split()[-1:] == ["the"]


def _article(text: str) -> Iterator[str]:
    """Captions may leave out their first article."""
    match = re.match(r"(?:a|an) (?=\w)", text, re.IGNORECASE)
    if match and not re.match(r"(few|lot|couple|bit|little|number)\b", text[match.end() :], re.IGNORECASE):
        yield _upper(text[match.end() :])


def _frame(text: str) -> Iterator[str]:
    """A frame is put before what has none, and another one is as good."""
    for frame in FRAMES:
        match = re.match(rf"{frame} (?=\S)", text, re.IGNORECASE)
        if match:
            yield from (f"{other} {text[match.end() :]}" for other in FRAMES if other != frame)
            return
    doing = re.match(rf"{_DETERMINED}(?: [a-z]+){{1,4}}? [a-z]+ing\b", text, re.IGNORECASE)
    words = set(re.findall(r"[\w-]+", text.lower()))
    if doing and not words & {*MEDIA, "is", "are"}:  # a whole sentence can't follow "footage of"
        yield from (f"{frame} {_lower(text)}" for frame in FRAMES)


def _camera_first(text: str) -> Iterator[str]:
    """`..., static shot` or `Static shot: ...`: how the camera moves is said last or first."""
    match = re.fullmatch(r"(?P<scene>[^,:]+), (?P<camera>(?:\w+ ){1,3}(?:shot|zoom in|zoom out|left|right))", text)
    if match:
        yield f"{_upper(match['camera'])}: {_lower(match['scene'])}"


def _when_first(text: str) -> Iterator[str]:
    """`... at sunset` and `At sunset, ...`."""
    for when in WHEN:
        match = re.fullmatch(rf"(?P<scene>{_DETERMINED}[^,:]+?),? {when}(?P<end>\.?)", text, re.IGNORECASE)
        if match:
            yield f"{_upper(when)}, {_lower(match['scene'])}{match['end']}"
        match = re.fullmatch(rf"{when}, (?P<scene>{_DETERMINED}[^,:]+?)(?P<end>\.?)", text, re.IGNORECASE)
        if match:
            yield f"{_upper(match['scene'])} {when}{match['end']}"


def _doing(text: str) -> Iterator[str]:
    """`A man is walking` and `A man walking`; `is` is added where it is plain whom it is about."""
    match = re.match(rf"(?P<who>{_DETERMINED}(?: [a-z]+){{1,3}}) (?:is|are) (?P<what>[a-z]+ing\b)", text, re.IGNORECASE)
    if match:
        yield f"{match['who']} {match['what']}{text[match.end() :]}"
        return
    match = re.match(r"(?P<who>(?P<first>a|an|two|three|four) (?:[a-z]+ ){1,2})(?P<what>[a-z]+ing\b) ", text, re.I)
    if match and match["what"].lower() in PARTICIPLES and not _BETWEEN & set(match["who"].lower().split()):
        verb = "is" if match["first"].lower() in ARTICLES else "are"
        yield f"{match['who']}{verb} {text[match.start('what') :]}"


def _passive(text: str) -> Iterator[str]:
    """`A woman pouring a drink in a bar` as `A drink being poured by a woman in a bar`."""
    match = re.fullmatch(
        rf"(?P<who>{_DETERMINED}(?: [a-z]+){{1,3}}?) (?P<verb>{'|'.join(PARTICIPLES)}) "
        rf"(?P<whom>{_DETERMINED}(?: [a-z]+){{1,2}}?)(?P<rest>(?: (?:in|on|at|near|under) .+)?)",
        text,
        re.IGNORECASE,
    )
    if match and not _BETWEEN & set(f"{match['who']} {match['whom']}".lower().split()):
        done = PARTICIPLES[match["verb"].lower()]
        yield f"{_upper(match['whom'])} being {done} by {_lower(match['who'])}{match['rest']}"


RULES: tuple[Rule, ...] = (_synonyms, _numbers, _article, _camera_first, _when_first, _doing, _passive, _frame)


def _put(text: str, start: int, end: int, new: str) -> str:
    """`new` in place of a part of the text, with its capital, and with the article before it made to fit."""
    old, before = text[start:end], text[:start]
    if start == 0 or old[:1].isupper():
        new = _upper(new)
    match = re.search(r"\b(a|an) $", before, re.IGNORECASE)
    if match and new[:1].isalpha():
        article = "an" if new[0].lower() in "aeiou" else "a"
        before = before[: match.start(1)] + (_upper(article) if match[1][0].isupper() else article) + " "
    return before + new + text[end:]


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lower(text: str) -> str:
    """The text without its first capital, where that is the sentence's and no name's."""
    first = text.split(" ", 1)[0]
    plain = first.lower() in DETERMINERS and (len(first) == 1 or first[1:].islower())
    return text[:1].lower() + text[1:] if plain else text
