"""The grammar that the list of controls `v1.csv` was written with: `python -m vidmem.prompts.controls.grammar`.

Captions in the style of stock footage, put together from our own word lists: a subject that does something somewhere, a
landscape at some time, an animal, a street, a dish, a machine, a sport. Which parts meet is drawn by hashes, so the
list is always the same; a caption that shares 70 % of its words with an earlier one is left out. A list once shipped
is not changed: its version stands in the results. A new one is a new file.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Sequence
from itertools import count

from vidmem.text import stable_fraction

VERSION = "v1"
CAPTIONS = 3000
OVERLAP = 0.7  # words of both / words of either, from which two captions are too alike

PEOPLE = (
    "a young woman", "an elderly man", "two brothers", "a girl in a yellow raincoat", "a bearded man", "a grandmother",
    "three friends", "a student with headphones", "a pregnant woman", "a boy with freckles", "a middle-aged couple",
    "a tired nurse", "a man in a grey suit", "a group of tourists", "a father and his daughter", "a young chef",
    "a woman with curly hair", "an office worker", "a team of engineers", "a teenager in a hoodie", "a retired teacher",
    "a smiling businesswoman", "two little girls", "a musician", "a farmer in rubber boots", "a bride",
    "a delivery man", "a scientist in a white coat", "a street artist", "a family of four",
)  # fmt: skip
ACTS = (
    "kneading bread dough on a floured table", "repairing a bicycle in a dusty garage", "watering tomato plants",
    "typing on a laptop in a crowded cafe", "feeding pigeons on a market square", "folding laundry in a bright room",
    "playing chess under an old oak tree", "painting a wooden fence blue", "waiting for a tram in the rain",
    "opening a parcel at the kitchen table", "practising yoga on a rooftop", "tying shoelaces before a run",
    "looking through a telescope", "picking apples in an orchard", "signing a contract at a glass desk",
    "carrying a canoe to the lake shore", "brushing a brown horse in a stable", "arranging flowers in a small shop",
    "reading a bedtime story", "paying with a phone at the checkout", "building a snowman in the garden",
    "tuning an acoustic guitar on stage", "hanging lanterns for a party", "measuring a plank with a folding rule",
    "sipping mint tea on a balcony", "dancing barefoot in the living room", "counting coins on a wooden counter",
    "drawing a diagram on a whiteboard", "blowing out candles on a birthday cake", "hiking up a stony mountain trail",
    "sewing a button on a winter coat", "washing a vintage car with a sponge", "setting up a tent beside a river",
    "checking a map at a crossroads", "making pottery on a spinning wheel", "walking a small terrier along the canal",
    "trying on hats in front of a mirror", "rowing a boat across a misty pond", "cutting paper stars with scissors",
    "stacking boxes in a warehouse", "talking to a doctor by video call", "riding an escalator in a shopping mall",
    "lighting a campfire with a match", "grilling vegetables in the backyard", "pushing a pram through falling leaves",
    "inspecting solar panels on a roof", "playing the violin in an empty hall", "mixing colours on a palette",
    "sweeping the floor of a barber shop", "writing a postcard at a seaside bar",
)  # fmt: skip
LANDS = (
    "a terraced rice field", "a lighthouse on a rocky coast", "snow-covered peaks", "a winding mountain pass",
    "a calm turquoise lagoon", "a field of sunflowers", "an abandoned stone village", "a vineyard in rolling hills",
    "a frozen waterfall", "a desert with red dunes", "a pine forest full of mist", "a volcanic crater",
    "a wooden pier and moored boats", "a salt flat after rain", "a meadow with wild poppies",
    "a narrow limestone gorge", "a glacier that meets the sea", "a bamboo grove", "an island with palm trees",
    "a river delta with sandbanks",
    "a medieval castle on a cliff", "a wind farm near the shore", "a lavender field", "a swamp with cypress trees",
    "a moorland with grazing sheep", "a reservoir and its concrete dam", "chalk cliffs above the beach",
    "an olive grove on a dry slope", "a marsh with reeds", "a canyon with layered rock",
)  # fmt: skip
TIMES = (
    "at sunrise", "at dusk", "on a cloudy day", "in early spring", "under a starry sky", "after a thunderstorm",
    "in the golden hour", "on a frosty morning", "in late autumn", "with drifting fog", "in bright sunshine",
    "during a light snowfall", "before the rain", "by moonlight", "on a hot summer day", "as the clouds pass",
)  # fmt: skip
VIEWS = (
    "aerial view of", "drone flight over", "time lapse of", "panoramic view of", "wide shot of", "tilt up from",
    "slow pan across", "scenic view of", "handheld shot of", "static shot of", "view through a window of", "footage of",
)  # fmt: skip
ANIMALS = (
    "a red fox", "a family of elephants", "a sleepy tabby cat", "two swans", "a hummingbird", "a sea turtle",
    "a flock of starlings", "a baby goat", "a grey squirrel", "a school of silver fish", "a barn owl", "a spotted deer",
    "a colony of ants", "a golden retriever", "a chameleon", "three ducklings", "a wild boar", "an octopus",
    "a herd of bison", "a honey bee", "a snow leopard", "a pelican", "a lizard", "a white peacock", "a hedgehog",
)  # fmt: skip
DOES = (
    "resting in the shade", "crossing a shallow stream", "looking straight into the camera", "searching for food",
    "moving slowly between the plants", "being chased by its young", "drinking at a waterhole", "hiding behind a log",
    "climbing over stones", "gliding past without a sound", "cleaning itself in the morning sun", "turning its head",
    "leaving tracks in the snow", "sleeping on a branch", "playing near the water", "waiting for its prey",
)  # fmt: skip
CITY = (
    "heavy traffic on a six-lane bridge", "commuters on an underground platform", "a tram turning at a junction",
    "neon signs above a narrow alley", "cyclists waiting at a red light", "a food market with steaming pots",
    "cranes over a building site", "an empty car park", "a fountain in a public garden", "ferries in a busy harbour",
    "skyscrapers with glass fronts", "a spiral staircase in an old library", "shoppers under umbrellas",
    "a cable car above the rooftops", "a fire engine with flashing lights", "a train leaving the main station",
    "fireworks above the town hall", "a crossing full of pedestrians", "street lamps along the embankment",
    "a bakery window with fresh pretzels", "an airport terminal seen from above", "a mosaic on a church ceiling",
)  # fmt: skip
FOOD = (
    "melted chocolate running over strawberries", "a chef slicing a ripe mango", "steam rising from a bowl of noodles",
    "honey dripping from a wooden spoon", "an egg cracked into a hot pan", "pancakes with blueberries and syrup",
    "pouring oat milk into iced coffee", "pizza baking in a stone oven", "grated cheese falling on spaghetti",
    "a lemon wedge dropped into sparkling water", "sushi rolls on a slate plate", "soup boiling in a copper pot",
    "roasted chestnuts in a paper bag", "a burger assembled layer by layer", "fresh basil leaves on tomato sauce",
    "dough rising under a linen cloth", "skewers turning above glowing coals", "a knife spreading butter on toast",
)  # fmt: skip
WORK = (
    "robot arms welding a car body", "a 3D printer making a small gear", "bottles on a conveyor belt",
    "sparks flying from an angle grinder", "a combine harvester in a wheat field", "cables in a data centre",
    "a drop of liquid on a microscope slide", "hands soldering a circuit board", "molten steel in a foundry",
    "a loom weaving striped cloth", "test tubes shaken in a laboratory", "a forklift lifting pallets",
    "a wind turbine rotor from below", "gears turning inside a clock", "an excavator digging a trench",
    "a printing press running newspapers", "a potter's kiln being opened", "a diver welding under water",
)  # fmt: skip
SPORT = (
    "a surfer riding a breaking wave", "a goalkeeper saving a penalty", "a gymnast on the balance beam",
    "two boxers training in a ring", "a skateboarder grinding a rail", "a climber reaching for the next hold",
    "runners at the start of a marathon", "a swimmer diving off the block", "a basketball dropping through the hoop",
    "a skier carving through powder snow", "a golfer swinging on the fairway", "children on a trampoline",
    "rowers pulling in rhythm", "a tennis player serving an ace", "a kite surfer jumping above the bay",
    "a figure skater spinning on the ice", "an archer drawing the bow", "cyclists sprinting for the line",
)  # fmt: skip
BACKDROPS = (
    "ink spreading in clear water", "golden particles drifting on black", "looping waves of violet light",
    "a rotating globe made of dots", "raindrops running down a pane of glass", "soft bokeh lights in the distance",
    "smoke curling in a beam of light", "a countdown with old film scratches", "confetti falling on a green screen",
    "marbled paint flowing slowly", "a network of glowing lines", "bubbles rising in a glass",
    "candle flames in the dark", "a kaleidoscope of stained glass", "liquid metal that ripples",
    "paper planes on a pastel sky",
)  # fmt: skip
LEADS = (
    "close up of", "extreme close up of", "slow motion of", "low angle shot of", "footage of", "detail of",
    "side view of", "over the shoulder shot of", "macro shot of", "tracking shot of",
)  # fmt: skip
TAILS = (
    "in slow motion", "with shallow depth of field", "4K", "with copy space", "handheld", "black and white",
    "vertical video", "seamless loop", "with natural light", "shot on a gimbal", "from behind", "at high speed",
    "with lens flare",
)  # fmt: skip
WHILE = (
    "while music plays in the background", "while others watch from a distance", "as the light slowly changes",
    "while people pass by out of focus", "as the camera moves closer", "while leaves blow through the picture",
    "as shadows grow longer", "while a clock ticks on the wall", "as rain starts to fall", "while the sun comes out",
)  # fmt: skip

Pick = Callable[[Sequence[str]], str]


def captions(number: int = CAPTIONS) -> list[str]:
    """The first captions of the list."""
    found: list[str] = []
    words: list[frozenset[str]] = []
    for n in count():
        if len(found) == number:
            return found
        text = _caption(n)
        own = frozenset(text.lower().replace(",", "").split())
        if all(len(own & other) < OVERLAP * len(own | other) for other in words):
            found.append(text)
            words.append(own)
    return found


def _caption(number: int) -> str:
    place = count()

    def pick(options: Sequence[str]) -> str:
        drawn = stable_fraction("controls", VERSION, number, next(place))
        return options[int(drawn * len(options))]

    if _happens(pick, 0.08):  # some captions are short
        text = pick((*LANDS, *ANIMALS, *CITY, *BACKDROPS))
        return text[0].upper() + text[1:]
    text = _core(pick)
    text = _with(pick, text, WHILE, 0.25, " ")
    text = _with(pick, text, TAILS, 0.35, ", ")
    return text[0].upper() + text[1:]


def _core(pick: Pick) -> str:
    kind = pick(
        ("people",) * 4 + ("land",) * 4 + ("animal",) * 3 + ("city", "city", "food", "work", "sport", "backdrop")
    )
    if kind == "people":
        return _led(pick, f"{pick(PEOPLE)} {pick(ACTS)}", 0.25)
    if kind == "land":
        return f"{pick(VIEWS)} {pick(LANDS)} {pick(TIMES)}"
    if kind == "animal":
        return _led(pick, f"{pick(ANIMALS)} {pick(DOES)}", 0.5)
    if kind == "city":
        return _with(pick, f"{pick((*VIEWS, ''))} {pick(CITY)}".strip(), TIMES, 0.6, " ")
    return _led(pick, pick({"food": FOOD, "work": WORK, "sport": SPORT, "backdrop": BACKDROPS}[kind]), 0.6)


def _led(pick: Pick, text: str, share: float) -> str:
    return f"{pick(LEADS)} {text}" if _happens(pick, share) else text


def _with(pick: Pick, text: str, options: Sequence[str], share: float, between: str) -> str:
    return f"{text}{between}{pick(options)}" if _happens(pick, share) else text


def _happens(pick: Pick, share: float) -> bool:
    return int(pick(tuple(map(str, range(100))))) < 100 * share


if __name__ == "__main__":
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["caption"])
    writer.writerows([text] for text in captions())
