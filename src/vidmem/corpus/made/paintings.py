"""The backgrounds: one function a kind of surface, each a fresh layout of the same kind at every call."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from scipy.spatial import Delaunay

from vidmem.corpus.made.canvas import (
    Canvas,
    Colours,
    Field,
    Index,
    Paint,
    blend,
    flat,
    hashed,
    inside,
    nearest_two,
    noise,
    pick,
    scattered,
    triangle_wave,
)

Painter = Callable[[Canvas, Colours], Paint]


def _floor(a: Field) -> Index:
    return np.floor(a).astype(np.int64)


def rug(c: Canvas, p: Colours) -> Paint:
    """Woven bands with saw-toothed borders and a row of lozenges in every other band."""
    row = c.v / 0.3 + 0.22 * triangle_wave(c.u / 0.12)
    band, within = _floor(row), row - np.floor(row)
    base = pick(p, hashed(c, band, levels=len(p) - 1))
    lozenge = 0.42 - np.abs(within - 0.5) - 0.5 * triangle_wave(c.u / 0.3)
    base = blend(base, p[-1], inside(lozenge * 0.3) * (band % 2 == 0))
    return base * (0.9 + 0.1 * np.sign(np.sin(c.v * 120)))[..., None]


def bricks(c: Canvas, p: Colours) -> Paint:
    """Courses of bricks of unlike tints in light mortar."""
    row = _floor(c.v / 0.16)
    along = c.u / 0.36 + 0.5 * (row % 2)
    column = _floor(along)
    base = pick(p[:-1], hashed(c, row, column, levels=len(p) - 1))
    base = base * (0.75 + 0.1 * hashed(c, row, column, levels=6))[..., None]
    edge = np.minimum(np.abs(c.v / 0.16 - np.round(c.v / 0.16)) * 0.16, np.abs(along - np.round(along)) * 0.36)
    return blend(base, p[-1], inside(0.016 - edge))


def glass(c: Canvas, p: Colours) -> Paint:
    """Stained glass: coloured cells with dark leads."""
    sites = scattered(c, 0.28)
    cell, near, far = nearest_two(c, sites)
    base = pick(p[:-1], c.rng.integers(0, len(p) - 1, len(sites))[cell])
    base = base * (1.1 - 1.2 * near)[..., None]
    return blend(base, p[-1], inside(0.025 - (far - near)))


def marble(c: Canvas, p: Colours) -> Paint:
    """Veins that follow warped noise."""
    flow = c.u + 0.9 * noise(c, 0.45, 4) + 0.3 * noise(c, 0.15, 3)
    wave = triangle_wave(flow / 0.42)
    base = blend(flat(c, p[0]), p[1], wave**1.5)
    base = blend(base, p[2], inside(0.1 - np.abs(wave - 0.75), 0.15))
    return blend(base, p[-1], inside(0.07 - wave, 0.05))


def dots(c: Canvas, p: Colours) -> Paint:
    """Dots of many sizes and colours on one ground, some of them ringed."""
    base = flat(c, p[0])
    for x, y in scattered(c, 0.28):
        radius, colour = c.rng.uniform(0.05, 0.17), p[1 + c.rng.integers(len(p) - 1)]
        away = radius - np.sqrt((c.x - x) ** 2 + (c.y - y) ** 2)
        base = blend(base, colour, inside(away))
        if c.rng.random() < 0.5:
            base = blend(base, p[0], inside(away - radius * 0.4) * inside(radius * 0.7 - away))
    return base


def checker(c: Canvas, p: Colours) -> Paint:
    """A chequered floor that ripples."""
    u = c.u + 0.06 * np.sin(c.v * 5 + c.rng.uniform(0, 6))
    v = c.v + 0.06 * np.sin(c.u * 4 + c.rng.uniform(0, 6))
    column, row = _floor(u / 0.21), _floor(v / 0.21)
    dark = (column + row) % 2 == 0
    light = pick(p[1:], hashed(c, row, column, levels=len(p) - 1))
    return np.where(dark[..., None], p[0], light)


def wood(c: Canvas, p: Colours) -> Paint:
    """Growth rings around two knots."""
    knots = c.rng.uniform(0.2, c.extent - 0.2, (2, 2))
    far = [np.hypot((c.x - x) * 0.55, (c.y - y) * 1.1) for x, y in knots]
    ring = (np.minimum(*far) + 0.16 * noise(c, 0.4, 3)) / 0.11
    base = pick(p[:-1], hashed(c, _floor(ring), levels=len(p) - 1))
    return blend(base, p[-1], inside(0.2 - triangle_wave(ring), 0.15))


def contours(c: Canvas, p: Colours) -> Paint:
    """A map of heights in flat tints with contour lines."""
    height = noise(c, 0.42, 3) * 1.15 * len(p)
    base = pick(p, np.clip(_floor(height), 0, len(p) - 1))
    line = np.abs(height - np.round(height))
    return base * (1 - 0.75 * inside(0.07 - line, 0.06))[..., None]


def blocks(c: Canvas, p: Colours) -> Paint:
    """Rectangles cut from rectangles, with heavy black lines."""
    base = np.empty((c.n, c.n, 3), np.float32)
    todo = [(0, 0, c.n, c.n)]
    least = int(0.17 * c.n / c.extent)
    line = max(int(0.022 * c.n / c.extent), 1)
    while todo:
        x, y, w, h = todo.pop()
        if max(w, h) > 3.4 * least or (max(w, h) > 2.1 * least and c.rng.random() < 0.7):
            cut = int(max(w, h) * c.rng.uniform(0.35, 0.65))
            todo += [(x, y, cut, h), (x + cut, y, w - cut, h)] if w >= h else [(x, y, w, cut), (x, y + cut, w, h - cut)]
            continue
        base[y : y + h, x : x + w] = p[-1]
        base[y + line : y + h, x + line : x + w] = p[c.rng.integers(len(p) - 1)]
    return base


def hills(c: Canvas, p: Colours) -> Paint:
    """A sky with a low sun and ranges of hills, one behind the other."""
    base = blend(flat(c, p[0]), p[1], c.y / c.extent)
    sun = c.rng.uniform(0.24, c.extent - 0.24), c.rng.uniform(0.24, 0.32)
    base = blend(base, p[2], inside(c.rng.uniform(0.06, 0.1) - np.hypot(c.x - sun[0], c.y - sun[1])))
    for layer in range(5):
        a = c.rng.uniform(0, 6.28, 3)
        ridge = 0.3 + 0.09 * layer + 0.07 * np.sin(c.x * 8 + a[0]) + 0.035 * np.sin(c.x * 19 + a[1])
        ridge = ridge + 0.015 * np.sin(c.x * 45 + a[2])
        tint = p[3 + layer % (len(p) - 3)] * (1.15 - 0.13 * layer)
        base = blend(base, tint, inside(c.y - ridge))
    return base


def hexagons(c: Canvas, p: Colours) -> Paint:
    """A mosaic of six-sided tiles in light grout."""
    size, sites = 0.21, []
    for j in range(-2, 12):
        sites += [((i + 0.5 * (j % 2)) * size * 1.0, j * size * 0.866) for i in range(-2, 11)]
    turn = c.rng.uniform(-0.3, 0.3)
    spot = np.array(sites, np.float32) - 0.2
    spot = spot @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]], np.float32)
    spot = spot[((spot > -0.2) & (spot < c.extent + 0.2)).all(axis=1)]
    cell, near, far = nearest_two(c, spot)
    base = pick(p[:-1], c.rng.integers(0, len(p) - 1, len(spot))[cell])
    base = base * (1.0 + 0.8 * (0.1 - near))[..., None]
    return blend(base, p[-1], inside(0.02 - (far - near)))


def scales(c: Canvas, p: Colours) -> Paint:
    """Rows of overlapping scales with banded rims."""
    base = flat(c, p[0])
    radius = 0.2
    first = int(c.v.min() / (radius * 0.5)) - 2
    for row in range(first, int(c.v.max() / (radius * 0.5)) + 3):
        along = c.u / (2 * radius) + 0.5 * (row % 2)
        column = _floor(along)
        away = np.hypot((along - column - 0.5) * 2 * radius, c.v - row * radius * 0.5)
        tint = pick(p[1:], hashed(c, column, np.full_like(column, row), levels=len(p) - 1))
        tint = blend(tint, p[0], inside(0.02 - np.abs(away - radius * 0.62)))
        below = inside(radius - away) * (c.v >= row * radius * 0.5 - radius)
        base = blend(base, tint * (1 - 0.5 * inside(away - radius * 0.93))[..., None], below)
    return base


def facets(c: Canvas, p: Colours) -> Paint:
    """Low-poly facets whose tint follows a slope."""
    points = np.concatenate(
        [scattered(c, 0.28), c.extent * np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32) * 1.2 - 0.1]
    )
    base = np.zeros((c.n, c.n, 3), np.float32)
    slope = c.rng.normal(size=2)
    slope /= np.hypot(*slope)
    for corner in Delaunay(points).simplices:
        middle = points[corner].mean(axis=0) / c.extent - 0.5
        share = np.clip(0.5 + middle @ slope + c.rng.normal(0, 0.22), 0, 0.999) * (len(p) - 1)
        low = int(share)
        tint = p[low] + (p[low + 1] - p[low]) * (share - low)
        cv2.fillConvexPoly(base, np.round(points[corner] * c.n / c.extent).astype(np.int32), tint.tolist())
    return base


def tartan(c: Canvas, p: Colours) -> Paint:
    """Two sets of stripes of unlike widths, woven."""
    widths = c.rng.permutation([0.03, 0.05, 0.12, 0.16, 0.2, 0.07])
    ends = np.cumsum(widths)
    order = c.rng.permutation(len(widths)) % len(p)
    across = p[order[np.searchsorted(ends, c.u % ends[-1]).clip(0, len(ends) - 1)]]
    down = p[order[np.searchsorted(ends, c.v % ends[-1]).clip(0, len(ends) - 1)]]
    twill = (np.sin((c.u + c.v) * 140) > 0)[..., None]
    share = np.where(twill, 0.58, 0.42)
    return np.asarray(across * share + down * (1 - share))


def sunburst(c: Canvas, p: Colours) -> Paint:
    """Rays from a point off the middle, with a disc at their source."""
    x, y = c.rng.uniform(0.26, c.extent - 0.26, 2)
    far = np.hypot(c.x - x, c.y - y)
    turn = (np.arctan2(c.y - y, c.x - x) + 0.35 * np.sin(far * 7)) / (2 * np.pi)
    ray = _floor(turn * 14 + c.rng.uniform(0, 14))
    base = np.where((ray % 2 == 0)[..., None], p[0], pick(p[1:], hashed(c, ray, levels=len(p) - 1)))
    base = blend(base, p[-1], inside(0.1 - far))
    return blend(base, p[0], inside(0.05 - far))


def nebula(c: Canvas, p: Colours) -> Paint:
    """Glowing clouds and stars in a dark sky."""
    base = flat(c, p[0])
    for tint in p[1:]:
        cloud = np.clip(2.6 * (noise(c, 0.5, 5) - 0.5), 0, 1)
        base = blend(base, tint, cloud)
    for _ in range(40):
        x, y, size = *c.rng.uniform(0, c.extent, 2), c.rng.uniform(0.006, 0.016)
        base = blend(base, np.ones((1, 3), np.float32), np.exp(-((c.x - x) ** 2 + (c.y - y) ** 2) / size**2))
    return base


def arcs(c: Canvas, p: Colours) -> Paint:
    """Truchet tiles: quarter rings that join into winding bands."""
    size = 0.26
    column, row = _floor(c.u / size), _floor(c.v / size)
    x, y = c.u / size - column, c.v / size - row
    x = np.where(hashed(c, column, row, levels=2) == 1, 1 - x, x)
    away = np.minimum(np.abs(np.hypot(x, y) - 0.5), np.abs(np.hypot(1 - x, 1 - y) - 0.5))
    ground = np.where((hashed(c, column, row, levels=2) == 1)[..., None], p[0], p[1])
    base = blend(ground, p[2], inside((0.2 - away) * size))
    return blend(base, p[3], inside((0.07 - away) * size))


def skyline(c: Canvas, p: Colours) -> Paint:
    """Towers with lit windows under an evening sky."""
    base = blend(flat(c, p[0]), p[1], c.y / c.extent)
    for depth, width in ((0, 0.17), (1, 0.13)):
        tower = _floor((c.x + 0.09 * depth) / width)
        within = (c.x + 0.09 * depth) / width - tower
        top = 0.24 + 0.14 * depth + 0.045 * hashed(c, tower, levels=7)
        wall = inside(c.y - top) * (within > 0.06)
        base = blend(base, pick(p[2:4], tower + depth) * (1 - 0.25 * depth), wall)
        cell = _floor(c.x / 0.05), _floor(c.y / 0.065)
        pane = (np.abs(c.x / 0.05 - cell[0] - 0.5) < 0.3) & (np.abs(c.y / 0.065 - cell[1] - 0.5) < 0.3)
        lit = pane & (hashed(c, *cell, levels=3) == 0) & (c.y > top + 0.03)
        base = blend(base, p[-1], wall * lit)
    return base


def splatter(c: Canvas, p: Colours) -> Paint:
    """Blots of paint thrown on a ground, with drops around them."""
    base = flat(c, p[0])
    wobble = noise(c, 0.16, 3)
    for x, y in scattered(c, 0.34):
        size, colour = c.rng.uniform(0.1, 0.22), p[1 + c.rng.integers(len(p) - 1)]
        base = blend(base, colour, inside(size - np.hypot(c.x - x, c.y - y) - 0.25 * (wobble - 0.5)))
        for _ in range(3):
            dx, dy = x + c.rng.normal(0, size, 2)[0], y + c.rng.normal(0, size)
            base = blend(base, colour, inside(c.rng.uniform(0.01, 0.035) - np.hypot(c.x - dx, c.y - dy)))
    return base


def waves(c: Canvas, p: Colours) -> Paint:
    """Stripes that swing."""
    swing = 0.13 * np.sin(c.u * 6.5 + c.rng.uniform(0, 6)) + 0.05 * np.sin(c.u * 15)
    band = (c.v + swing) / 0.13
    base = pick(p, hashed(c, _floor(band), levels=len(p)))
    return base * (1 - 0.5 * inside(0.12 - triangle_wave(band), 0.1))[..., None]


def pebbles(c: Canvas, p: Colours) -> Paint:
    """Rounded stones with light from above."""
    sites = scattered(c, 0.21)
    cell, near, far = nearest_two(c, sites)
    rise = np.clip((far - near) / 0.09, 0, 1)
    base = pick(p[:-1], c.rng.integers(0, len(p) - 1, len(sites))[cell]) * (0.55 + 0.6 * rise)[..., None]
    return blend(base, p[-1], inside(0.12 - rise, 0.1))


def leaves(c: Canvas, p: Colours) -> Paint:
    """Fallen leaves with midribs, one over the other."""
    base = flat(c, p[0])
    for x, y in scattered(c, 0.24):
        a, long = c.rng.uniform(0, 6.28), c.rng.uniform(0.14, 0.24)
        s = (c.x - x) * np.cos(a) + (c.y - y) * np.sin(a)
        t = (c.y - y) * np.cos(a) - (c.x - x) * np.sin(a)
        edge = 0.4 * long * np.clip(1 - (s / long) ** 2, 0, 1) - np.abs(t)
        tint = p[1 + c.rng.integers(len(p) - 1)]
        base = blend(base, tint, inside(edge) * (np.abs(s) < long))
        base = blend(base, tint * 0.5, inside(0.008 - np.abs(t)) * (np.abs(s) < long))
    return base


def crosses(c: Canvas, p: Colours) -> Paint:
    """A cloth of plus signs in staggered rows."""
    row = _floor(c.v / 0.26)
    along = c.u / 0.26 + 0.5 * (row % 2)
    x, y = np.abs(along - _floor(along) - 0.5), np.abs(c.v / 0.26 - row - 0.5)
    arm = np.maximum(np.minimum(0.42 - x, 0.15 - y), np.minimum(0.42 - y, 0.15 - x))
    tint = pick(p[1:], hashed(c, row, _floor(along), levels=len(p) - 1))
    return blend(flat(c, p[0]), tint, inside(arm * 0.26))


def argyle(c: Canvas, p: Colours) -> Paint:
    """Lozenges crossed by thin lines."""
    a, b = (c.u / 0.3 + c.v / 0.5), (c.u / 0.3 - c.v / 0.5)
    tint = pick(p[:-1], hashed(c, _floor(a), _floor(b), levels=len(p) - 1))
    line = np.minimum(np.abs(a - _floor(a) - 0.5), np.abs(b - _floor(b) - 0.5))
    return blend(tint, p[-1], inside(0.05 - line, 0.04))


def swirl(c: Canvas, p: Colours) -> Paint:
    """Arms that wind around two eyes."""
    eyes = c.rng.uniform(0.25, c.extent - 0.25, (2, 2))
    total: Field = np.zeros((c.n, c.n), np.float32)
    for sign, (x, y) in zip((1, -1), eyes, strict=True):
        far = np.hypot(c.x - x, c.y - y) + 0.03
        total = total + sign * (np.arctan2(c.y - y, c.x - x) / (2 * np.pi) * 2 + 1.3 * np.log(far)).astype(np.float32)
    arm = total * 2.0
    base = pick(p[:-1], _floor(arm))
    return blend(base, p[-1], inside(0.16 - triangle_wave(arm), 0.12))


def herringbone(c: Canvas, p: Colours) -> Paint:
    """Slanted planks that meet in chevrons."""
    column = _floor(c.u / 0.3)
    slant = np.where(column % 2 == 0, c.u, -c.u)
    plank = (c.v + slant) / 0.13
    base = pick(p[:-1], hashed(c, column, _floor(plank), levels=len(p) - 1))
    edge = np.minimum(triangle_wave(plank) * 0.065, np.abs(c.u / 0.3 - np.round(c.u / 0.3)) * 0.3)
    return blend(base, p[-1], inside(0.01 - edge))


def ribbons(c: Canvas, p: Colours) -> Paint:
    """Broad strokes of a brush, laid over each other."""
    base = flat(c, p[0])
    for number in range(8):
        a, bend, phase = c.rng.uniform(0, 3.14), c.rng.uniform(0.05, 0.2), c.rng.uniform(0, 6)
        s = (c.x - c.extent / 2) * np.cos(a) + (c.y - c.extent / 2) * np.sin(a)
        t = (c.y - c.extent / 2) * np.cos(a) - (c.x - c.extent / 2) * np.sin(a)
        off = np.abs(t - c.rng.uniform(-0.35, 0.35) - bend * np.sin(s * 5 + phase))
        tint = p[1 + number % (len(p) - 1)] * (0.9 + 0.1 * np.sin(off * 150))[..., None]
        base = blend(base, tint, inside(c.rng.uniform(0.05, 0.1) - off))
    return base


def shards(c: Canvas, p: Colours) -> Paint:
    """Large splinters thrown over each other."""
    base = flat(c, p[0])
    for number, spot in enumerate(scattered(c, 0.28)):
        angle = c.rng.uniform(0, 6.28) + np.array([0, 2.4, 3.4])
        corner = spot + np.stack([np.cos(angle), np.sin(angle)], 1) * c.rng.uniform(0.14, 0.32, (3, 1))
        points = np.round(corner * c.n / c.extent).astype(np.int32)
        cv2.fillConvexPoly(base, points, p[1 + number % (len(p) - 1)].tolist())
        cv2.polylines(base, [points], True, (p[0] * 0.4).tolist(), 1)
    return base
