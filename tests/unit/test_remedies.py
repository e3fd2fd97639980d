"""The remedies' equations against plain transcriptions, and G_sim's gradient against finite differences."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from vidmem.config import remedies as config
from vidmem.generate.layouts import guided
from vidmem.generate.noise import NoiseLevel, clean_sample, epsilon, epsilon_difference, output_difference
from vidmem.generate.remedies.amg import Amg, Near, despecification, threshold
from vidmem.generate.remedies.base import RemedyUnfit, Step
from vidmem.generate.remedies.calls import Call, conditions, locate, put, with_conditions
from vidmem.generate.remedies.descent import descend, target_of
from vidmem.generate.remedies.late_guidance import LateGuidance, first_guided
from vidmem.generate.remedies.listen import differing
from vidmem.generate.remedies.neighbour import Neighbour, blended, check_captions, kin_of
from vidmem.generate.remedies.noise_choice import candidate, choose
from vidmem.generate.remedies.references import References
from vidmem.generate.remedies.similarity import aligned, all_aligned, parts, shifts

VP = {"sigma": 0.6, "signal": 0.8, "alpha_bar": 0.64, "scale": 1.0, "floor": 0.0}
LEVELS = [
    NoiseLevel("vp", "epsilon", **VP),
    NoiseLevel("vp", "v", **VP),
    NoiseLevel("vp", "minus v", **VP),
    NoiseLevel("vp", "sample", **VP),
    NoiseLevel("flow", "v", 0.7, 0.3, 0.3**2 / (0.3**2 + 0.7**2), 1.0, 1e-3),
    NoiseLevel("flow", "sample", 0.7, 0.3, 0.3**2 / (0.3**2 + 0.7**2), 1.0, 1e-3),
]
SHAPE = (2, 3, 4, 2, 2)  # videos, channels, frames, height, width


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_frame(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.movedim(2, 1).flatten(2)


class Denoiser(torch.nn.Module):
    """A smooth denoiser whose two inputs both count: rows [unconditional, conditional]."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(numbers(3, 3, seed=9) / 2, requires_grad=False)

    def forward(self, x: torch.Tensor, timestep: int, condition: torch.Tensor) -> torch.Tensor:
        mixed = torch.einsum("bcfhw,cd->bdfhw", x[:, :3], self.weight)
        return torch.tanh(mixed + condition[:, :, None, None, None]) + 0.1 * x[:, :3] ** 2


def step_of(level: NoiseLevel, scale: float = 3.0, number: int = 0, steps: int = 10) -> Step:
    """A step of two videos, with everything as a pipeline would have called it."""
    x, condition = numbers(*SHAPE, seed=1), numbers(2, 3, seed=2)
    module = Denoiser()
    call = Call(module, (torch.cat([x, x]), 500), {"condition": torch.cat([torch.zeros(2, 3).double(), condition])})
    u, c = call.run().chunk(2)
    return Step(
        [call], "one batch, unconditional first", (u, c), guided(u, c, scale), x, level, scale, 2, number, steps,
        by_frame, lambda sample: sample,
    )  # fmt: skip


# Conversions


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: f"{level.path}-{level.prediction}")
def test_conversions_agree_with_each_other(level: NoiseLevel) -> None:
    x, output, change = numbers(4, 5), numbers(4, 5, seed=1), numbers(4, 5, seed=2)
    noise, clean = epsilon(output, x, level), clean_sample(output, x, level)
    torch.testing.assert_close(level.signal * clean + level.sigma * noise, x)
    torch.testing.assert_close(epsilon_difference(output_difference(change, level), level), change)
    moved = epsilon(output + output_difference(change, level), x, level)
    torch.testing.assert_close(moved - noise, change)


# Similarity


def plain_similarity(x: torch.Tensor, y: torch.Tensor, kind: str) -> float:
    """sigma of two clips (frames, numbers), one frame and shift after the other."""
    if kind == "frames":
        a, b = ([[float(v) - sum(map(float, f)) / len(f) for v in f] for f in clip] for clip in (x, y))
    else:
        a, b = (
            [[float(q) - float(p) for p, q in zip(f, g, strict=True)] for f, g in pairwise(clip)] for clip in (x, y)
        )
    found = []
    for shift in range(-len(a), len(b) + 1):
        pairs = [(a[i], b[i + shift]) for i in range(len(a)) if 0 <= i + shift < len(b)]
        if 2 * len(pairs) < min(len(a), len(b)) or not pairs:
            continue
        inner = sum(p * q for f, g in pairs for p, q in zip(f, g, strict=True))
        norms = sum(p * p for f, _ in pairs for p in f) * sum(q * q for _, g in pairs for q in g)
        found.append(inner / norms**0.5)
    return max(found)


@pytest.mark.parametrize("kind", ["frames", "motion"])
@pytest.mark.parametrize("lengths", [(5, 5), (4, 7), (7, 4), (2, 2)])
def test_similarity_is_that_of_a_plain_transcription(kind: str, lengths: tuple[int, int]) -> None:
    x, y = numbers(2, lengths[0], 6), numbers(3, lengths[1], 6, seed=1)
    sigma, shift = all_aligned(parts(x, kind), parts(y, kind))
    for i in range(2):
        for j in range(3):
            assert float(sigma[i, j]) == pytest.approx(plain_similarity(x[i], y[j], kind), abs=1e-12)
            again = aligned(parts(x[i], kind), parts(y[j], kind), int(shift[i, j]))
            assert float(again) == pytest.approx(float(sigma[i, j]), abs=1e-12)


def test_a_clip_that_starts_later_is_found_at_its_shift() -> None:
    long = numbers(1, 9, 20)
    for kind in ("frames", "motion"):
        sigma, shift = all_aligned(parts(long[:, 2:8], kind), parts(long[:, :6], kind))
        assert float(sigma) == pytest.approx(1.0) and int(shift) == 2


@given(st.floats(0.1, 10), st.floats(-5, 5), st.integers(0, 1000))
def test_brightness_and_contrast_change_no_similarity(factor: float, shift: float, seed: int) -> None:
    x, y = numbers(1, 4, 6, seed=seed), numbers(1, 5, 6, seed=seed + 1)
    for kind in ("frames", "motion"):
        before, _ = all_aligned(parts(x, kind), parts(y, kind))
        after, _ = all_aligned(parts(factor * x + shift, kind), parts(y, kind))
        torch.testing.assert_close(before, after, atol=1e-6, rtol=1e-6)


def test_the_same_motion_of_another_content_is_alike_by_motion_alone() -> None:
    moves, one, other = numbers(1, 6, 40), 5 * numbers(1, 1, 40, seed=1), 5 * numbers(1, 1, 40, seed=2)
    x, y = one + moves.cumsum(1), other + moves.cumsum(1)
    by_frames, by_motion = (float(all_aligned(parts(x, k), parts(y, k))[0]) for k in ("frames", "motion"))
    assert by_motion == pytest.approx(1.0) and by_frames < 0.5


def test_a_still_scene_is_like_nothing_by_motion() -> None:
    still = numbers(1, 1, 6).expand(1, 4, 6)
    sigma, _ = all_aligned(parts(still, "motion"), parts(numbers(2, 4, 6, seed=1), "motion"))
    assert sigma.abs().max() == 0


@given(st.integers(1, 12), st.integers(1, 12))
def test_shifts_overlap_in_half_of_the_shorter_clip(frames: int, others: int) -> None:
    found = list(shifts(frames, others))
    for shift in range(-frames, others + 1):
        together = max(0, min(frames, others - shift) - max(0, -shift))
        assert (shift in found) == (2 * together >= min(frames, others))


# AMG


REFERENCES = References(numbers(3, 4, 12, seed=5), ("a", "b", "c"), ("A", "B", "C"), {})
AMG: dict[str, Any] = config.Amg(
    kind="amg", threshold=-1.0, c1=0.5, c2=0.0, c3=0.2, limit=1e9, gradient="fixed"
).model_dump()


@pytest.mark.parametrize("gradient", ["fixed", "denoiser"])
@pytest.mark.parametrize("level", LEVELS, ids=lambda level: f"{level.path}-{level.prediction}")
def test_gradient_of_g_sim_is_that_of_finite_differences(level: NoiseLevel, gradient: str) -> None:
    step = step_of(level)
    amg = Amg({**AMG, "gradient": gradient}, REFERENCES, {})
    clean = by_frame(clean_sample(step.handed, step.sample, level))
    near = [Near(kind, *REFERENCES.nearest(clean, kind)) for kind in ("frames", "motion")]
    active = torch.tensor([[True, False], [True, True]])
    found = amg._gradient(step, near, active)
    noise = epsilon(step.handed, step.sample, level)

    def total(x: torch.Tensor) -> float:
        if gradient == "fixed":
            at = (x - level.sigma * noise) / level.signal
        else:
            pair = step.predict(x)
            at = clean_sample(guided(pair[0], pair[1], 3.0), x, level)  # type: ignore[arg-type]
        frames = by_frame(at)
        sums = 0.0
        for n, on in zip(near, active, strict=True):
            for i in on.nonzero()[:, 0].tolist():
                reference = parts(REFERENCES.latents[int(n.which[i])], n.kind)
                sums += float(aligned(parts(frames[i], n.kind), reference, int(n.shift[i])))
        return sums

    for at in [(0, 0, 0, 0, 0), (0, 2, 3, 1, 1), (1, 1, 2, 0, 1)]:
        bump = torch.zeros(SHAPE, dtype=torch.float64)
        bump[at] = 1e-6
        expected = (total(step.sample + bump) - total(step.sample - bump)) / 2e-6
        assert float(found[at]) == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("level", LEVELS, ids=lambda level: f"{level.path}-{level.prediction}")
def test_amg_is_that_of_a_plain_transcription(level: NoiseLevel) -> None:
    """By frames, the gradient by hand: that of a cosine <a, b> / |a||b| is (b/|b| - cos a/|a|) / |a|."""
    remedy = {**AMG, "similarity": "frames", "strength": 2.0}
    step = step_of(level)
    steered = Amg(remedy, REFERENCES, {}).steer(step)
    s0, (u, c) = 3.0, step.pair
    for i in range(2):
        eps_u, eps_c = (epsilon(x[i], step.sample[i], level) for x in (u, c))
        clean = clean_sample(step.handed[i], step.sample[i], level).movedim(1, 0).flatten(1)
        sigmas = [plain_similarity(clean, y, "frames") for y in REFERENCES.latents]
        sigma = max(sigmas)
        reference = parts(REFERENCES.latents[sigmas.index(sigma)], "frames")
        a = parts(clean, "frames")
        gradients = []
        for shift in shifts(4, 4):
            mine, other = slice(max(0, -shift), 4 - max(0, shift)), slice(max(0, shift), 4 + min(0, shift))
            p, q = a[mine], reference[other]
            cosine = float((p * q).sum() / p.norm() / q.norm())
            g = torch.zeros_like(a)
            g[mine] = (q / q.norm() - cosine * p / p.norm()) / p.norm()
            gradients.append((cosine, g))
        cosine, g = max(gradients, key=lambda pair: pair[0])
        assert cosine == pytest.approx(sigma)
        g = g - g.mean(1, keepdim=True)  # through the mean that was taken off
        on_path = g.view(4, 3, 2, 2).movedim(0, 1) / level.signal  # eps held fixed
        s1 = min(max(2.0 * 0.5 * sigma, 0.0), s0 - 1)
        expected = eps_u + s0 * (eps_c - eps_u) - s1 * (eps_c - eps_u) + 2.0 * 0.2 * 48 * level.sigma * on_path
        torch.testing.assert_close(epsilon(steered.handed[i], step.sample[i], level), expected)
        assert steered.notes[i]["similarity_frames"] == pytest.approx(sigma)
        assert steered.notes[i]["similar_by_frames"] == REFERENCES.items[sigmas.index(sigma)]


def test_the_neighbours_caption_is_avoided_with_what_guidance_is_left() -> None:
    level, rows = LEVELS[0], {name: numbers(1, 3, seed=n) for n, name in enumerate("ABC", 20)}
    step = step_of(level)
    path = ("kwargs", "condition")
    captions = {name: {path: row} for name, row in rows.items()}
    steered = Amg({**AMG, "similarity": "frames", "c1": 0.0, "c2": 1.0, "c3": 0.0}, REFERENCES, captions).steer(step)
    for i in range(2):
        clean = clean_sample(step.handed[i], step.sample[i], level).movedim(1, 0).flatten(1)
        sigmas = [plain_similarity(clean, y, "frames") for y in REFERENCES.latents]
        nearest = rows[REFERENCES.captions[sigmas.index(max(sigmas))]]
        theirs = Denoiser()(step.sample[i : i + 1], 500, nearest)[0]
        expected = step.handed[i] - max(max(sigmas), 0.0) * (theirs - step.pair[0][i])
        torch.testing.assert_close(steered.handed[i], expected)
    assert step.predictions == 2


def test_nothing_is_changed_under_the_threshold_and_only_videos_above_it_are() -> None:
    step = step_of(LEVELS[0])
    still = Amg({**AMG, "threshold": 1.0}, REFERENCES, {}).steer(step)
    assert torch.equal(still.handed, step.handed)
    assert [note["remedy_change"] for note in still.notes] == [0.0, 0.0]
    sigmas = sorted(note["similarity_frames"] for note in still.notes)
    between = sum(sigmas) / 2
    one = Amg({**AMG, "similarity": "frames", "threshold": between}, REFERENCES, {}).steer(step)
    assert [bool(torch.equal(a, b)) for a, b in zip(one.handed, step.handed, strict=True)].count(True) == 1


def test_the_last_steps_are_left_alone_if_asked_to() -> None:
    for number, left_alone in ((7, False), (8, True)):
        step = step_of(LEVELS[0], number=number)
        steered = Amg({**AMG, "until": 0.8}, REFERENCES, {}).steer(step)
        assert torch.equal(steered.handed, step.handed) == left_alone
        assert steered.notes[0]["similarity_frames"] > -1


def test_a_step_moves_the_predicted_clip_no_further_than_the_limit() -> None:
    for level in LEVELS:
        step = step_of(level)
        remedy = {**AMG, "c1": 0.0, "c3": 1e6, "limit": 0.25, "gradient": "fixed"}
        steered = Amg(remedy, REFERENCES, {}).steer(step)
        before, after = (clean_sample(x, step.sample, level).flatten(1) for x in (step.handed, steered.handed))
        torch.testing.assert_close((after - before).norm(dim=1), 0.25 * before.norm(dim=1))


@given(st.floats(0, 5), st.floats(0, 5), st.floats(-1, 1), st.floats(0, 20))
def test_guidance_is_taken_back_to_a_scale_of_one_at_most(c1: float, c2: float, sigma: float, scale: float) -> None:
    s1, s2 = (float(x) for x in despecification(c1, c2, torch.tensor([sigma], dtype=torch.float64), scale))
    assert s1 == pytest.approx(min(max(c1 * sigma, 0), max(scale - 1, 0)))
    assert s2 == pytest.approx(min(max(c2 * sigma, 0), max(max(scale - 1, 0) - s1, 0)))


def test_the_threshold_runs_along_a_parabola() -> None:
    remedy = {"threshold": 0.8, "threshold_first": 0.4}
    assert [threshold(remedy, n, 5) for n in range(5)] == pytest.approx([0.4, 0.575, 0.7, 0.775, 0.8])
    assert threshold({**remedy, "threshold_first": None}, 0, 5) == 0.8
    assert threshold(remedy, 0, 1) == 0.4


# What a denoiser is called with


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_the_noisy_clip_is_found_beside_other_channels_and_replaced(axis: int) -> None:
    x, other = numbers(2, 3, 4, 5), numbers(2, 3, 4, 5, seed=3)
    beside = numbers(4, *[6 if n == axis else s for n, s in enumerate((3, 4, 5), 1)], seed=1)
    call = Call(torch.nn.Identity(), (numbers(4, 7, seed=2),), {"deep": [torch.cat([torch.cat([x, x]), beside], axis)]})
    place = locate(call, x, 0.5 * x, 2)
    assert place is not None
    assert (place.path, place.axis, place.scaled) == (("kwargs", "deep", 0), axis, False)
    found = put(call, place, other, 2).kwargs["deep"][0]
    assert torch.equal(found, torch.cat([torch.cat([other, other]), beside], axis))
    assert locate(call, numbers(2, 3, 4, 5, seed=8), x, 2) is None or axis  # scaled ones are found too
    assert locate(call, 2 * x, x, 2) == type(place)(place.path, axis, True)
    assert locate(call, 2 * x, 3 * x, 2) is None


def test_frames_in_the_batch_are_found_as_an_axis_of_the_denoisers() -> None:
    x = numbers(6, 3, 4, 4)  # 2 videos of 3 frames
    tensor = x.view(2, 3, 3, 4, 4).permute(0, 2, 1, 3, 4)
    place = locate(Call(torch.nn.Identity(), (torch.cat([tensor, tensor]),), {}), x, x, 2)
    assert place is not None and place.axis == 1


def test_the_condition_is_what_differs_and_can_be_replaced() -> None:
    x, text, pooled = numbers(2, 3, 4, 4), numbers(4, 5, 6), numbers(4, 2, seed=1)
    beside = torch.cat([torch.zeros(2, 2, 4, 4).double(), numbers(2, 2, 4, 4, seed=4)])
    same = torch.ones(4, 1)
    call = Call(
        torch.nn.Identity(), (torch.cat([torch.cat([x, x]), beside], 1), same), {"text": text, "more": {"p": pooled}}
    )
    place = locate(call, x, x, 2)
    assert place is not None
    layout = "one batch, unconditional first"
    found = conditions([call], layout, place, 3)
    assert set(found) == {("args", 0), ("kwargs", "text"), ("kwargs", "more", "p")}
    assert torch.equal(found["args", 0], beside[2:]) and torch.equal(found["kwargs", "text"], text[2:])
    new = {path: rows + 1 for path, rows in found.items()}
    changed = with_conditions(call, layout, place, 3, new)
    assert torch.equal(changed.args[0], torch.cat([torch.cat([x, x]), torch.cat([beside[:2], beside[2:] + 1])], 1))
    assert torch.equal(changed.kwargs["more"]["p"], torch.cat([pooled[:2], pooled[2:] + 1]))
    assert torch.equal(call.kwargs["text"], text), "the pipeline's own arguments are left as they are"


def test_of_two_calls_the_conditional_one_is_changed() -> None:
    x, c, u = numbers(2, 3, 4, 4), numbers(2, 5), numbers(2, 5, seed=1)
    calls = [Call(torch.nn.Identity(), (x,), {"text": rows}) for rows in (c, u)]
    place = locate(calls[0], x, x, 2)
    assert place is not None
    found = conditions(calls, "two calls, conditional first", place, 3)
    assert list(found) == [("kwargs", "text")] and torch.equal(found["kwargs", "text"], c)
    assert torch.equal(conditions(calls, "two calls, unconditional first", place, 3)["kwargs", "text"], u)


def test_of_captions_only_what_differs_is_kept() -> None:
    empty = {("a",): torch.zeros(1, 2), ("b",): torch.zeros(1, 2), ("t",): torch.ones(1)}
    one, two = {**empty, ("a",): torch.ones(1, 2)}, {**empty, ("b",): torch.ones(1, 2)}
    found = differing(empty, [("one", one), ("two", two)])
    assert set(found["one"]) == set(found["two"]) == {("a",), ("b",)}
    assert torch.equal(found["one"][("b",)], torch.zeros(1, 2)) and torch.equal(found["two"][("b",)], torch.ones(1, 2))
    with pytest.raises(RemedyUnfit, match="different shapes"):
        differing(empty, [("long", {**empty, ("a",): torch.zeros(1, 3)})])


# The nearest other caption

PATH = ("kwargs", "condition")
NAMES = ("one", "two", "three")
CLIPS = 2 * torch.eye(3).double()  # the condition that names each of the painter's clips


class Painter(torch.nn.Module):
    """Predicts the clean clip that its condition names, three numbers (videos, 3): as much of each of three clips."""

    def __init__(self) -> None:
        super().__init__()
        flat = torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1], [1, 1, -1, -1]]).double()  # each less its mean, orthogonal
        self.clips = flat.repeat(1, 3).view(3, 3, 1, 2, 2).expand(3, *SHAPE[1:])  # (clips, channels, frames, h, w)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        return torch.einsum("bk,kcfhw->bcfhw", condition, self.clips)


def painted(conditions: torch.Tensor, number: int = 0) -> Step:
    """A step on the prompts that `conditions` (2, 3) are, of a model that predicts the clean clip."""
    x, module = numbers(*SHAPE, seed=1), Painter()
    call = Call(module, (torch.cat([x, x]),), {"condition": torch.cat([torch.zeros(2, 3).double(), conditions])})
    u, c = call.run().chunk(2)
    return Step(
        [call], "one batch, unconditional first", (u, c), guided(u, c, 3.0), x, LEVELS[3], 3.0, 2, number, 10, by_frame,
        lambda sample: sample,
    )  # fmt: skip


def towards(kin: dict[str, list[str]], **changes: Any) -> Neighbour:
    """The remedy over the painter's three clips, under one caption each."""
    references = References(by_frame(Painter().clips), NAMES, NAMES, {})
    captions = {name: {PATH: row[None]} for name, row in zip(NAMES, CLIPS, strict=True)}
    remedy = config.Neighbour(kind="neighbour", **changes).model_dump()
    return Neighbour(remedy, references, captions, kin)


def heard(remedy: Neighbour, step: Step) -> torch.Tensor:
    """The condition that the model is called with from the next step on, (2, 3)."""
    condition: torch.Tensor = remedy.before(step.calls[0], 0).kwargs["condition"]
    assert not condition[:2].any(), "the unconditional part is left alone"
    return condition[2:]


KIN = {"one": ["two", "three"], "two": ["one", "three"], "three": ["one", "two"]}


def test_the_share_is_the_least_that_takes_the_similarity_under_the_threshold() -> None:
    """(1-s, s) of two orthogonal clips has a cosine of (1-s) / sqrt((1-s)^2 + s^2) to the first: .8 at s = 3/7."""
    remedy, step = towards(KIN, threshold=0.8, strength=0.6, tries=12), painted(CLIPS[:2])
    steered = remedy.steer(step)
    share, width = 3 / 7, 0.6 / 2**12
    for video, (own, other) in enumerate([(0, 1), (1, 0)]):
        row = heard(remedy, step)[video]
        assert share <= float(row[other]) / 2 <= share + width
        assert float(row[own]) == pytest.approx(2 - float(row[other])) and float(row[2]) == 0
    expected = step.guided((step.pair[0], Painter()(step.sample, heard(remedy, step))))
    torch.testing.assert_close(steered.handed, expected)
    assert [note["similar_by_frames"] for note in steered.notes] == ["one", "two"]
    assert all(note["similarity_frames"] == pytest.approx(1) and note["remedy_change"] > 0 for note in steered.notes)


def test_a_video_that_is_no_copy_is_left_as_it_is_beside_one_that_is() -> None:
    conditions = torch.tensor([[2.0, 0, 0], [0.5, 0.6, 0.7]]).double()  # no cosine of the second is above .7
    remedy, step = towards(KIN, threshold=0.8, strength=0.6), painted(conditions)
    steered = remedy.steer(step)
    assert torch.equal(steered.handed[1], step.handed[1]) and steered.notes[1]["remedy_change"] == 0
    assert torch.equal(heard(remedy, step)[1], conditions[1]) and not torch.equal(heard(remedy, step)[0], conditions[0])


def test_a_share_that_is_not_enough_later_is_raised_by_what_the_bisection_tells_apart_up_to_the_strength() -> None:
    remedy, shares, predictions = towards(KIN, threshold=0.8, strength=0.6, tries=3), [], []
    for number in range(5):  # a model that copies again on every step, whatever it is told
        step = painted(CLIPS[:2], number)
        remedy.steer(step)
        shares.append(float(heard(remedy, step)[0, 1]) / 2)
        predictions.append(step.predictions)
    assert shares == pytest.approx([0.45, 0.525, 0.6, 0.6, 0.6])
    assert predictions == [2 * 4, 2, 2, 0, 0], "three bisections and what they gave, then one, and no more of the way"


def test_a_prompt_that_is_the_neighbour_itself_is_led_to_the_next_one() -> None:
    """Where the prompt `two` is answered with the clip of `one`, whose nearest other caption it is."""
    remedy = towards(KIN, threshold=0.8, strength=0.6, tries=1)
    step = painted(CLIPS[[1, 1]])
    step.handed = Painter().clips[[0, 0]].clone()
    remedy.steer(step)
    assert float(heard(remedy, step)[0, 2]) > 0 and float(heard(remedy, step)[0, 0]) == 0


def test_masks_keep_what_either_caption_has_and_whole_numbers_are_refused() -> None:
    own, other = torch.tensor([[1, 1, 0], [1, 0, 0]]), torch.tensor([[1, 0, 1], [1, 1, 1]])
    assert blended(own, other, torch.tensor([0.3, 0.0])).tolist() == [[1, 1, 1], [1, 0, 0]]
    assert blended(own == 1, other == 1, torch.tensor([0.3, 0.0])).tolist() == [[True] * 3, [True, False, False]]
    check_captions({"a": {PATH: own}})
    with pytest.raises(RemedyUnfit, match="whole numbers"):
        check_captions({"a": {PATH: own + 1}})


def test_captions_that_say_much_the_same_are_kin_and_blank_ones_are_no_one_s() -> None:
    captions = ["", "a dog runs on a beach", "a dog is running at the beach", "the stock market fell"]
    kin = kin_of(captions, {""})
    assert kin[captions[1]][0] == captions[2] and kin[captions[2]][0] == captions[1]
    assert len(kin[""]) == 2 and all("" not in names and text not in names for text, names in kin.items())
    with pytest.raises(RemedyUnfit, match="two captions"):
        kin_of(["", "one"], {""})


# The others


def test_the_target_lies_the_strength_s_share_of_the_way_down() -> None:
    own = torch.tensor([2.0, 0.5])
    assert target_of(own, {"strength": 0.25, "target": 1.0}).tolist() == [1.75, 0.5]
    assert target_of(own, {"strength": 0.0, "target": 0.0}).tolist() == own.tolist()
    assert target_of(own, {"strength": 1.0, "target": 0.0}).tolist() == [0.0, 0.0]


@given(st.floats(0.01, 2.0), st.floats(0.05, 0.95))
def test_descent_never_ends_higher_than_it_began_and_stops_at_its_target(rate: float, strength: float) -> None:
    """Two videos with bowls of their own: however far Adam overshoots, the lowest place is what is kept."""
    start = torch.tensor([[3.0, -1.0], [0.2, 0.1]], dtype=torch.float64)
    own = start.norm(dim=1)
    remedy = {"strength": strength, "target": 0.0, "learning_rate": rate, "iterations": 20}
    leaf = start.clone().requires_grad_()
    with torch.no_grad():  # as in a pipeline's call
        used = descend([leaf], lambda: leaf.norm(dim=1), remedy, 2)
    found = leaf.detach().norm(dim=1)
    assert (found <= own).all()
    for i in range(2):
        assert used[i] == 20 or found[i] <= own[i] * (1 - strength)
        alone = start[i : i + 1].clone().requires_grad_()
        assert descend([alone], lambda alone=alone: alone.norm(dim=1), remedy, 1) == used[i : i + 1]
        torch.testing.assert_close(alone.detach()[0], leaf.detach()[i])


def test_the_noise_of_the_lowest_magnitude_is_chosen_and_the_first_of_equals() -> None:
    table = {7: 3.0, 8: 1.0, candidate(7, 1): 2.0, candidate(8, 1): 1.0, candidate(7, 2): 5.0, candidate(8, 2): 0.5}
    asked: list[list[int]] = []

    def measure(seeds: list[int]) -> list[float]:
        asked.append(seeds)
        return [table[seed] for seed in seeds]

    assert choose([7, 8], 1, measure) == [candidate(7, 1), 8]
    assert choose([7, 8], 2, measure) == [candidate(7, 1), candidate(8, 2)]
    assert choose([7, 8], 0, measure) == [7, 8]
    assert len({seed for seeds in asked for seed in seeds}) == 6


def test_further_noises_are_other_noises() -> None:
    seeds = [candidate(seed, number) for seed in range(4) for number in range(8)]
    noises = {float(torch.randn(1, generator=torch.Generator().manual_seed(seed))) for seed in seeds}
    assert len(set(seeds)) == len(noises) == 32
    assert [candidate(seed, 0) for seed in range(4)] == [0, 1, 2, 3]


def test_steps_before_the_transition_are_handed_the_early_scale() -> None:
    assert [first_guided(share, 10) for share in (0.0, 0.04, 0.05, 0.5, 1.0)] == [0, 0, 1, 5, 10]
    remedy = config.LateGuidance(kind="late-guidance", strength=0.2, scale=-0.5).model_dump()
    late = LateGuidance(remedy)
    for number in range(4):
        step = step_of(LEVELS[0], number=number)
        u, c = step.pair
        expected = u - 0.5 * (c - u) if number < 2 else step.handed
        assert torch.equal(late.steer(step).handed, expected)


def test_guidance_begins_where_its_magnitude_has_passed_a_minimum() -> None:
    remedy = config.LateGuidance(kind="late-guidance", strength=1.0, transition="magnitude").model_dump()
    late, seen = LateGuidance(remedy), []
    for number, factors in enumerate([(4.0, 1.0), (3.0, 2.0), (5.0, 1.0), (1.0, 1.0)]):
        step = step_of(LEVELS[0], number=number)
        u, c = step.pair
        stretched = torch.stack([u[i] + f * (c[i] - u[i]) / (c[i] - u[i]).norm() for i, f in enumerate(factors)])
        step.pair, step.handed = (u, stretched), guided(u, stretched, 3.0)
        handed = late.steer(step).handed
        seen.append(tuple(bool(torch.equal(handed[i], step.handed[i])) for i in range(2)))
    assert seen == [(False, False), (False, True), (True, True), (True, True)]


# Config


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"kind": "prayer"}, "prayer"),
        ({"kind": "amg", "strength": -1}, "greater than or equal"),
        ({"kind": "embedding", "strength": 1.5}, "less than or equal"),
        ({"kind": "noise-choice", "strength": 1.5}, "integer"),
        ({"kind": "late-guidance", "share": 0.5}, "share"),
    ],
)
def test_a_remedy_that_makes_no_sense_is_refused(given: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        TypeAdapter(config.Remedy).validate_python(given)


def test_every_remedy_has_a_strength_of_which_none_is_none() -> None:
    for kind in ("amg", "neighbour", "embedding", "late-guidance", "noise-choice", "noise-adjust", "reword"):
        remedy = TypeAdapter(config.Remedy).validate_python({"kind": kind})
        assert remedy.strength > 0
        assert remedy.model_copy(update={"strength": 0}).model_dump()["strength"] == 0
