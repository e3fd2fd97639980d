"""The contents: a kind of background, the thing that moves over it, and the words of a caption for both."""

from __future__ import annotations

from dataclasses import dataclass

from vidmem.corpus.made import paintings as p
from vidmem.corpus.made.sprites import SpriteKind


@dataclass(frozen=True)
class Content:
    """`looks` are the variations: the background's colours (captions name the first two), then the sprite's two."""

    painter: p.Painter
    noun: str  # of the background, with "{}" where its colours stand
    sprite: SpriteKind
    looks: tuple[tuple[tuple[str, ...], tuple[str, str]], ...]


def _looks(*rows: str) -> tuple[tuple[tuple[str, ...], tuple[str, str]], ...]:
    """Each row: the background's colours | the sprite's two."""
    parsed = []
    for row in rows:
        ground, sprite = row.split("|")
        one, two = sprite.split()
        parsed.append((tuple(ground.split()), (one, two)))
    return tuple(parsed)


CORPUS_CONTENTS: dict[str, Content] = {
    "rug": Content(
        p.rug,
        "a woven {} rug",
        SpriteKind("ball", "hooped", 0.34, "ball of yarn", "balls of yarn"),
        _looks(
            "crimson ivory navy amber|teal white",
            "teal sand brown coral|yellow black",
            "indigo lilac rose ivory|orange white",
            "olive amber chocolate ivory|sky crimson",
            "navy silver scarlet white|lime black",
            "plum pink teal sand|ivory green",
            "green ivory black amber|magenta white",
            "rust sky slate ivory|white navy",
        ),
    ),
    "bricks": Content(
        p.bricks,
        "a {} brick wall",
        SpriteKind("square", "barred", 0.33, "wooden crate", "wooden crates"),
        _looks(
            "rust brown coral silver|sky navy",
            "slate charcoal silver white|amber chocolate",
            "sand ivory brown charcoal|violet white",
            "emerald green olive ivory|pink plum",
            "indigo blue slate silver|yellow black",
            "crimson plum rust ivory|mint emerald",
            "amber orange sand chocolate|blue white",
            "lilac violet indigo white|lime green",
        ),
    ),
    "glass": Content(
        p.glass,
        "a {} stained-glass window",
        SpriteKind("star", "quartered", 0.39, "paper star", "paper stars"),
        _looks(
            "blue amber crimson green black|white silver",
            "violet turquoise pink yellow black|ivory orange",
            "emerald lime sky white charcoal|scarlet white",
            "scarlet orange plum rose black|mint teal",
            "turquoise navy silver ivory black|amber crimson",
            "magenta indigo amber sky charcoal|lime white",
            "olive sand rust teal black|white blue",
            "coral mint blue ivory charcoal|black yellow",
        ),
    ),
    "marble": Content(
        p.marble,
        "a slab of {} marble",
        SpriteKind("octagon", "spotted", 0.33, "coin", "coins"),
        _looks(
            "ivory slate silver charcoal|orange crimson",
            "emerald mint white black|yellow rust",
            "navy sky ivory amber|coral white",
            "rose pink white plum|green black",
            "charcoal silver amber white|turquoise navy",
            "brown sand ivory chocolate|blue sky",
            "violet lilac white indigo|lime emerald",
            "teal turquoise ivory navy|magenta white",
        ),
    ),
    "dots": Content(
        p.dots,
        "a {} polka-dot curtain",
        SpriteKind("triangle", "striped", 0.41, "party hat", "party hats"),
        _looks(
            "yellow blue scarlet white|black lime",
            "navy pink white turquoise|amber crimson",
            "mint crimson navy white|violet black",
            "plum amber lilac coral|white teal",
            "ivory green black orange|blue sky",
            "scarlet white sky black|yellow green",
            "turquoise indigo yellow ivory|rose plum",
            "charcoal lime magenta silver|orange white",
        ),
    ),
    "checker": Content(
        p.checker,
        "a {} chequered floor",
        SpriteKind("diamond", "chequered", 0.39, "kite", "kites"),
        _looks(
            "black ivory silver|crimson amber",
            "crimson white pink|navy sky",
            "navy amber sand|mint emerald",
            "emerald mint ivory|magenta black",
            "chocolate sky white|orange lime",
            "violet yellow ivory|black turquoise",
            "teal coral sand|white indigo",
            "slate lime yellow|plum pink",
        ),
    ),
    "wood": Content(
        p.wood,
        "a {} plank of wood",
        SpriteKind("flower", "quartered", 0.38, "paper flower", "paper flowers"),
        _looks(
            "brown sand rust chocolate|sky white",
            "chocolate amber brown black|mint teal",
            "sand ivory amber brown|indigo violet",
            "rust coral crimson chocolate|lime yellow",
            "slate silver charcoal black|orange scarlet",
            "olive sand green chocolate|pink magenta",
            "plum rose brown black|turquoise white",
            "ivory silver slate charcoal|crimson black",
        ),
    ),
    "map": Content(
        p.contours,
        "a {} contour map",
        SpriteKind("gear", "hooped", 0.36, "brass gear", "brass gears"),
        _looks(
            "blue sky sand olive green|white crimson",
            "navy teal mint ivory white|orange black",
            "plum rose coral amber yellow|teal white",
            "charcoal slate silver ivory white|lime green",
            "emerald green lime yellow ivory|violet indigo",
            "indigo violet lilac pink white|amber rust",
            "chocolate brown rust sand ivory|blue sky",
            "teal turquoise sky white ivory|scarlet navy",
        ),
    ),
    "blocks": Content(
        p.blocks,
        "a {} painting of rectangles",
        SpriteKind("hexagon", "striped", 0.34, "hexagonal tile", "hexagonal tiles"),
        _looks(
            "scarlet yellow white blue black|green mint",
            "orange teal ivory navy black|magenta pink",
            "lilac lime white violet charcoal|crimson amber",
            "sky ivory amber rust black|plum white",
            "pink turquoise white indigo black|olive yellow",
            "silver crimson ivory slate black|orange sky",
            "mint coral sand emerald charcoal|blue black",
            "yellow magenta white teal black|navy silver",
        ),
    ),
    "hills": Content(
        p.hills,
        "{} hills at sunset",
        SpriteKind("oval", "striped", 0.41, "balloon", "balloons"),
        _looks(
            "orange plum yellow violet indigo navy|white crimson",
            "sky ivory white green emerald charcoal|scarlet yellow",
            "pink coral ivory teal emerald black|yellow black",
            "navy turquoise silver slate charcoal black|orange lime",
            "amber sand white rust brown chocolate|blue turquoise",
            "lilac rose yellow plum crimson black|mint green",
            "mint sky ivory olive green black|magenta violet",
            "scarlet amber white slate navy black|ivory teal",
        ),
    ),
}

HELDOUT_CONTENTS: dict[str, Content] = {
    "hexagons": Content(
        p.hexagons,
        "a {} honeycomb mosaic",
        SpriteKind("capsule", "barred", 0.38, "lantern", "lanterns"),
        _looks(
            "teal amber ivory navy white|crimson yellow",
            "violet rose sand indigo black|lime white",
            "green yellow olive emerald ivory|blue orange",
            "scarlet silver slate white black|turquoise navy",
            "blue sky turquoise ivory charcoal|amber rust",
            "brown coral sand rust white|green mint",
            "pink magenta lilac plum ivory|black yellow",
            "charcoal lime silver slate white|scarlet pink",
        ),
    ),
    "scales": Content(
        p.scales,
        "a wall of {} fish scales",
        SpriteKind("heart", "striped", 0.39, "heart", "hearts"),
        _looks(
            "navy turquoise sky teal mint|crimson white",
            "crimson coral orange amber rust|sky navy",
            "emerald lime green mint ivory|violet pink",
            "plum lilac violet rose pink|yellow green",
            "charcoal silver slate ivory white|orange magenta",
            "chocolate sand amber brown ivory|teal turquoise",
            "indigo blue sky violet white|scarlet amber",
            "ivory pink coral rose crimson|emerald black",
        ),
    ),
    "facets": Content(
        p.facets,
        "a {} low-poly landscape",
        SpriteKind("pentagon", "quartered", 0.36, "gemstone", "gemstones"),
        _looks(
            "navy teal mint ivory|scarlet orange",
            "plum scarlet amber yellow|sky white",
            "emerald green lime ivory|magenta plum",
            "charcoal violet pink white|yellow lime",
            "chocolate rust sand sky|turquoise navy",
            "indigo blue turquoise yellow|coral white",
            "black slate silver orange|green mint",
            "crimson rose lilac sky|black amber",
        ),
    ),
    "tartan": Content(
        p.tartan,
        "a {} tartan blanket",
        SpriteKind("cross", "chequered", 0.39, "wooden cross", "wooden crosses"),
        _looks(
            "crimson emerald navy white|amber black",
            "navy green yellow black|pink white",
            "amber brown ivory scarlet|blue sky",
            "violet silver black rose|lime yellow",
            "teal orange ivory charcoal|crimson pink",
            "olive sand rust black|sky white",
            "pink slate white plum|green emerald",
            "blue yellow white navy|scarlet black",
        ),
    ),
    "sunburst": Content(
        p.sunburst,
        "a {} sunburst poster",
        SpriteKind("ball", "spotted", 0.34, "beach ball", "beach balls"),
        _looks(
            "scarlet ivory amber yellow|blue white",
            "navy sky white amber|magenta lime",
            "emerald mint ivory orange|violet black",
            "plum pink lilac yellow|teal white",
            "chocolate sand amber white|turquoise crimson",
            "black silver white scarlet|green yellow",
            "teal coral ivory crimson|indigo lilac",
            "orange violet pink white|navy mint",
        ),
    ),
    "nebula": Content(
        p.nebula,
        "a {} nebula",
        SpriteKind("octagon", "barred", 0.36, "planet", "planets"),
        _looks(
            "black violet magenta sky|orange sand",
            "navy teal mint rose|yellow crimson",
            "charcoal scarlet amber blue|white turquoise",
            "indigo pink coral turquoise|lime green",
            "black emerald lime violet|coral white",
            "plum orange yellow lilac|sky navy",
            "navy silver blue crimson|amber brown",
            "chocolate rust amber sky|magenta white",
        ),
    ),
    "arcs": Content(
        p.arcs,
        "a maze of {} loops",
        SpriteKind("square", "spotted", 0.32, "die", "dice"),
        _looks(
            "ivory sand crimson amber|navy sky",
            "navy indigo mint white|orange black",
            "pink rose teal ivory|black yellow",
            "charcoal slate lime black|magenta white",
            "sky turquoise navy yellow|scarlet white",
            "amber orange plum pink|green mint",
            "mint green chocolate sand|violet lilac",
            "lilac violet ivory indigo|amber rust",
        ),
    ),
    "skyline": Content(
        p.skyline,
        "a city with {} sky",
        SpriteKind("diamond", "hooped", 0.38, "paper plane", "paper planes"),
        _looks(
            "indigo coral charcoal slate yellow|white scarlet",
            "teal amber navy black ivory|pink magenta",
            "violet pink indigo charcoal white|lime yellow",
            "sky ivory slate brown amber|crimson black",
            "navy violet black charcoal orange|mint turquoise",
            "orange yellow plum chocolate sky|blue white",
            "green mint emerald black lime|rose ivory",
            "slate silver charcoal black yellow|orange amber",
        ),
    ),
}

MOTION_CONTENTS: dict[str, Content] = {
    "splatter": Content(
        p.splatter,
        "a {} paint-splattered canvas",
        SpriteKind("ball", "quartered", 0.33, "juggling ball", "juggling balls"),
        _looks(
            "ivory blue scarlet black|green yellow",
            "charcoal lime pink sky|orange white",
            "mint plum orange navy|crimson white",
            "sand emerald black rose|violet sky",
        ),
    ),
    "waves": Content(
        p.waves,
        "{} rolling stripes",
        SpriteKind("star", "hooped", 0.39, "starfish", "starfish"),
        _looks(
            "navy sky white turquoise|coral amber",
            "orange ivory plum rose|emerald lime",
            "green yellow white teal|crimson black",
            "violet pink indigo silver|yellow white",
        ),
    ),
    "pebbles": Content(
        p.pebbles,
        "a beach of {} pebbles",
        SpriteKind("capsule", "striped", 0.37, "bottle", "bottles"),
        _looks(
            "slate sand silver brown black|scarlet white",
            "coral ivory rust rose charcoal|teal turquoise",
            "olive mint green sand chocolate|magenta pink",
            "sky blue lilac white navy|orange black",
        ),
    ),
    "leaves": Content(
        p.leaves,
        "a carpet of {} autumn leaves",
        SpriteKind("hexagon", "spotted", 0.34, "bolt", "bolts"),
        _looks(
            "chocolate orange amber crimson|sky white",
            "charcoal green lime olive|pink magenta",
            "navy yellow sand rust|mint teal",
            "plum pink coral scarlet|white black",
        ),
    ),
    "crosses": Content(
        p.crosses,
        "a {} cloth of plus signs",
        SpriteKind("gear", "quartered", 0.36, "wagon wheel", "wagon wheels"),
        _looks(
            "white crimson navy|amber black",
            "teal ivory yellow|magenta white",
            "amber indigo brown|turquoise white",
            "black mint rose|orange yellow",
        ),
    ),
    "argyle": Content(
        p.argyle,
        "a {} argyle jumper",
        SpriteKind("flower", "hooped", 0.37, "button", "buttons"),
        _looks(
            "plum silver navy white|lime yellow",
            "emerald sand rust ivory|sky blue",
            "coral turquoise ivory charcoal|violet white",
            "yellow slate black white|scarlet pink",
        ),
    ),
    "swirl": Content(
        p.swirl,
        "{} swirls of cream",
        SpriteKind("square", "chequered", 0.32, "sugar cube", "sugar cubes"),
        _looks(
            "chocolate ivory sand|turquoise navy",
            "crimson pink white|green black",
            "indigo turquoise ivory|orange yellow",
            "emerald lime black|rose white",
        ),
    ),
    "ribbons": Content(
        p.ribbons,
        "{} brush strokes",
        SpriteKind("pentagon", "barred", 0.36, "house of cards", "houses of cards"),
        _looks(
            "ivory teal coral navy|amber black",
            "black magenta yellow turquoise|white silver",
            "sand crimson green indigo|sky orange",
            "lilac orange blue white|emerald lime",
        ),
    ),
    "shards": Content(
        p.shards,
        "a heap of {} splinters",
        SpriteKind("cross", "striped", 0.39, "windmill", "windmills"),
        _looks(
            "silver blue white slate|orange crimson",
            "ivory rust amber olive|violet sky",
            "navy pink lilac mint|yellow lime",
            "charcoal scarlet sand teal|white green",
        ),
    ),
    "herringbone": Content(
        p.herringbone,
        "a {} herringbone parquet",
        SpriteKind("triangle", "spotted", 0.40, "sail", "sails"),
        _looks(
            "brown sand rust ivory|blue white",
            "slate silver charcoal white|crimson yellow",
            "olive green sand black|magenta pink",
            "rose coral plum white|turquoise navy",
        ),
    ),
}
CONTENTS: dict[str, Content] = {**CORPUS_CONTENTS, **HELDOUT_CONTENTS, **MOTION_CONTENTS}
