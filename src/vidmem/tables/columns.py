"""What each column of a table means: (unit, meaning), in the order of the schemas of `schemas.py`.

The unit is empty where there is none; `0..1` is a share, `-1..1` a cosine, `bool` is the type's own. A column without
a meaning fails a test, and so does a meaning without a column.
"""

from __future__ import annotations

from collections.abc import Mapping

Columns = Mapping[str, tuple[str, str]]

STATUS: Columns = {
    "status": (
        "",
        "`ok`, `skipped` (it can't be used, or there is nothing to say) or `failed` (it should have worked).",
    ),
    "reason": ("", "Why the row is not `ok`, in words."),
}
_VIDEO: Columns = {"video_id": ("", "Hash of the model, the prompt, the seed and the settings that change the pixels.")}
_SEEN: Columns = {"video_id": ("", "The video_id of a generated video, or the item_id of a corpus item.")}
_ASKED: Columns = {
    "prompt_id": ("", "Hash of the prompt's normalised text; null where no prompt is known."),
    "seed": ("", "Seed of the noise that it was sampled from; null where none is known."),
}
_MEDIA: Columns = {
    "path": ("", "File, relative to the folder of its corpus or model; see *where the bytes lie* above."),
    "offset": ("bytes", "Where the bytes begin in a tar file, or the row of a Parquet file; null for a whole file."),
    "size": ("bytes", "How many bytes of a tar file; null for a whole file and for a Parquet file."),
    "kind": ("", "`video` or `image`."),
    "fps": ("frames/s", "Mean frame rate, from the times of the frames; null for one picture."),
    "frames": ("frames", "Frames that could be decoded."),
    "width": ("px", "Width of a frame."),
    "height": ("px", "Height of a frame."),
    "duration_s": ("s", "Length."),
}

MANIFEST: Columns = {
    "item_id": (
        "",
        "Name of the item: its path or the id of the user's table; of joined corpora with the corpus before.",
    ),
    "corpus": ("", "Name of the corpus that it is from, where several are joined."),
    **_MEDIA,
    "caption": ("", "Caption, as the user's table has it."),
    "sha256": ("", "SHA-256 of the file's bytes."),
    "same_as": ("", "item_id of the first `ok` item with the same bytes; its own where it is the first."),
    **STATUS,
}

DUPLICATES: Columns = {
    "item_id": ("", "The item of the manifest."),
    "corpus": ("", "Name of its corpus, where several are joined."),
    "prompt_id": ("", "Hash of its caption's normalised text."),
    "caption_multiplicity": ("items", "Items that bear the same caption, itself counted."),
    "caption_component": ("", "Smallest item_id among the items with the same or a nearly same caption."),
    "caption_component_size": ("items", "Items in that component."),
    "semantic_neighbours": ("captions", "Other captions that say the same in other words; null: not looked for."),
    "content_component": ("", "Smallest item_id among the items that show the same."),
    "content_component_size": ("items", "Items in that component."),
    "motion_component": ("", "Smallest item_id among the items that move the same."),
    "motion_component_size": ("items", "Items in that component."),
    "same_caption_same_video": ("items", "Other items of both its caption component and its content component."),
    "same_caption_other_video": ("items", "Items of its caption component that show something else."),
    "other_caption_same_video": ("items", "Items of its content component under another caption."),
    "same_motion_other_video": ("items", "Items of its motion component that show something else."),
    **STATUS,
}

PROMPTS: Columns = {
    "prompt_id": ("", "Hash of the normalised text."),
    "text": ("", "What a model is asked."),
    "set": ("", "The set that it is in, a key of the config's `prompts` section with hyphens: `video-duplicated`, …"),
    "duplicates": ("items", "Corpus items that bear this caption."),
    "content_duplicates": ("items", "Most items among them that are the same file."),
    "source_ids": ("", "item_ids of the distinct clips under this caption (`same_as` ids), sorted."),
    "corpus": ("", "Name of the corpus of its clips, where several are joined."),
    "risk": ("", "What its set is ranked by; null where it is not ranked."),
    "near_captions": ("items", "Items with the same or a nearly same caption."),
    "same_video": ("items", "Most items that show the same as one of its clips, under any caption."),
    "same_motion": ("items", "Most items that move the same as one of its clips and show something else."),
    "origin": (
        "",
        "The prompt_id that a paraphrase rewords, a control's version of the list, an imported prompt's file.",
    ),
    "evidence": ("", "Why it is in its set, in words."),
}

VIDEOS: Columns = {
    **_VIDEO,
    **_ASKED,
    "model": ("", "Name of the model, or of the branch of it under a remedy."),
    "batch_size": ("videos", "Videos that were sampled at once with it."),
    "truncated": ("", "The prompt is longer than the tokenizer takes."),
    "condition": ("", "item_id of the image that it starts from."),
    "class_label": ("", "Class that a model of classes was asked for."),
    "remedy": ("", "Kind of the remedy that it was made under."),
    "denoiser_calls": ("predictions", "Predictions of the denoiser; a pass on both conditions gives two."),
    **_MEDIA,
    "sha256": ("", "SHA-256 of the video's bytes."),
    **STATUS,
}

_GUESSES: Columns = {
    "departure": ("", "‖x̂_t − first unconditional x̂‖₂ / √numel, x̂_t the conditional guess of the clean clip."),
    "moved": ("", "‖x̂_t − first conditional x̂‖₂ / √numel."),
    "departure_motion": ("", "`departure` of D_f x̂, the differences of neighbouring latent frames."),
    "moved_motion": ("", "`moved` of D_f x̂."),
}

SIGNALS: Columns = {
    **_VIDEO,
    "step": ("", "Sampling step; 0 is the first and noisiest."),
    **_ASKED,
    "timestep": ("", "What the scheduler calls this step."),
    "sigma": ("", "σ_t, the coefficient of the noise in x_t."),
    "alpha_bar": ("0..1", "ᾱ_t; of a straight path (1−σ)² / ((1−σ)² + σ²)."),
    "content_magnitude": ("", "‖Δ_t‖₂ / √numel, Δ_t = ε(x_t, c) − ε(x_t, ∅)."),
    "motion_magnitude": ("", "‖D_f Δ_t‖₂ / √numel; null for one latent frame."),
    "uncond_norm": ("", "‖ε(x_t, ∅)‖₂ / √numel."),
    "cosine": ("-1..1", "cos(Δ_t, ε(x_t, ∅))."),
    "profile": ("", "‖Δ_t‖₂ / √numel of each latent frame."),
    **_GUESSES,
    "remedy_change": ("", "Norm of what a remedy changed of what the scheduler is handed, as a share of its norm."),
    "similarity_frames": ("-1..1", "Similarity of the predicted clean clip to its nearest reference (some remedies)."),
    "similar_by_frames": ("", "item_id of that reference."),
    "similarity_motion": ("-1..1", "The same by movement."),
    "similar_by_motion": ("", "item_id of that reference."),
    "similarity_threshold": ("-1..1", "Similarity from which the remedy acts at this step."),
    **STATUS,
}

FRAMES: Columns = {
    **_SEEN,
    "frame": ("", "Number of the frame among those that were taken of the video, from 0; gated ones are left out."),
    "time_s": ("s", "When it is shown."),
    "vector": ("", "L2-normalised copy-detection embedding of the frame, float32 (dim,)."),
    "thumbnail": ("", "The view that is embedded, uint8 RGB (16, 16, 3)."),
    "picture": ("", "The same in grey levels, uint8 (48, 48)."),
}

FLOW: Columns = {
    **_SEEN,
    "index": ("", "Number of the pair of neighbouring frames at the common rate, from 0."),
    "time_s": ("s", "When the first frame of the pair is shown."),
    "magnitude": ("widths/s", "Mean of |F| over the grid."),
    "vector": (
        "widths/s",
        "Optical flow averaged over the grid's cells, (2, grid, grid) flattened: x, then y, by rows.",
    ),
}

FEATURE_ITEMS: Columns = {
    **_SEEN,
    "frames_used": ("frames", "Frames that were embedded."),
    "frames_gated": ("frames", "Blank, flat or fading frames that were left out, since they match anything."),
    "flows": ("fields", "Flow fields at the common rate."),
    **STATUS,
}

_CONTENT_SCORES: Columns = {
    "gsscd_max": ("-1..1", "Similarity of the two frames that are most alike."),
    "gsscd_k": ("-1..1", "Mean similarity of the best run of k consecutive frames."),
    "vsscd": ("-1..1", "Mean similarity of aligned frames of the whole videos at the best shift (Rahman et al.)."),
    "content_normalised": ("", "`gsscd_max` less what the frame scores with background clips; null without any."),
    "gen_fraction": ("0..1", "Share of the video's frames with a match in the reference."),
    "ref_fraction": ("0..1", "Share of the reference's frames with a match in the video."),
}
_MAP: Columns = {
    "template_map": ("-1..1", "Similarity by cell of the two frames, by rows; NaN where there is no texture."),
}
_MOTION_SCORES: Columns = {
    "ofs": ("-1..1", "OFS-k of raw flow, k the window's length."),
    "ofs3": ("-1..1", "OFS-3 of raw flow: the study's score."),
    "ofs_residual": (
        "-1..1",
        "Our motion score before it is held against unrelated clips: the camera's part taken out.",
    ),
    "speed": ("", "How much faster the video plays the reference's movement."),
}
_RATIOS: Columns = {
    "d1_d2_pixel": ("", "Nearest-neighbour distance ratio d₁/d₂ in pixels, least over the frames (Gu et al.)."),
    "d1_d2_feature": ("", "The same between embeddings."),
}

MATCHES: Columns = {
    **_SEEN,
    "kind": ("", "`content` or `motion`."),
    "rank": ("", "1 is the best; 0: a clip of the prompt's own that is not among the best."),
    "ref_id": ("", "item_id of the corpus clip."),
    "score": (
        "",
        "What is ranked: `gsscd_max` of content; of motion the score held against unrelated clips, in deviations.",
    ),
    "own": ("", "`ref_id` is one of the prompt's `source_ids`."),
    **_CONTENT_SCORES,
    "template": ("0..1", "Largest connected part of the frame that comes back, as a share of its textured cells."),
    **_MAP,
    "template_gen_time_s": ("s", "Frame of the video that this part is of."),
    "template_ref_time_s": ("s", "Frame of the reference that it is of."),
    **_MOTION_SCORES,
    "gen_time_s": ("s", "Frame of the video that gives `gsscd_max`; null for motion."),
    "ref_time_s": ("s", "Frame of the reference that gives it."),
    "gen_start_s": ("s", "Start in the video of the segment (content) or window (motion) that matches."),
    "gen_end_s": ("s", "Its end, exclusive."),
    "ref_start_s": ("s", "Start of it in the reference."),
    "ref_end_s": ("s", "Its end, exclusive."),
    **{name: (unit, f"Content of rank 1. {meaning}") for name, (unit, meaning) in _RATIOS.items()},
    "background": ("", "Motion of rank 1. The scores of this video against unrelated clips."),
}


def _judged(kind: str) -> Columns:
    return {
        f"{kind}_p_value": (
            "0..1",
            "Chance of such a score for a video that can't be a copy; null where it isn't known.",
        ),
        f"{kind}_q_value": ("0..1", "p-value after Benjamini–Hochberg over this model's videos."),
        f"{kind}_threshold": ("", f"The line of {kind}, of this model."),
    }


METRICS: Columns = {
    **_VIDEO,
    **_ASKED,
    "prompt_set": ("", "The prompt's set, as in `prompts.parquet`."),
    "content_score": (
        "",
        "What is judged of the best clip of the corpus: `content_normalised`, or `gsscd_max` without background.",
    ),
    "content_ref_id": ("", "item_id of that clip."),
    "content_gen_time_s": ("s", "Frame of the video in the best pair of frames."),
    "content_ref_time_s": ("s", "Frame of the clip in it."),
    "content_gen_start_s": ("s", "Start in the video of the segment that comes back."),
    "content_gen_end_s": ("s", "Its end, exclusive."),
    "content_ref_start_s": ("s", "Start of it in the clip."),
    "content_ref_end_s": ("s", "Its end, exclusive."),
    **_judged("content"),
    **_CONTENT_SCORES,
    "content_memorised": ("", "`content_score` reaches the threshold."),
    "template_score": ("0..1", "Largest connected part of the frame that comes back."),
    "template_ref_id": ("", "item_id of the clip that it comes back from."),
    "template_gen_time_s": ("s", "Frame of the video."),
    "template_ref_time_s": ("s", "Frame of the clip."),
    **_MAP,
    **_judged("template"),
    "template_memorised": ("", "`template_score` reaches the threshold."),
    "motion_score": (
        "",
        "What is judged of the best clip: the score in deviations from unrelated clips, or `ofs_residual`.",
    ),
    "motion_ref_id": ("", "item_id of that clip."),
    "motion_gen_time_s": ("s", "Start in the video of the window that matches."),
    "motion_ref_time_s": ("s", "Start of it in the clip."),
    "motion_gen_end_s": ("s", "Its end in the video, exclusive."),
    "motion_ref_end_s": ("s", "Its end in the clip, exclusive."),
    **_judged("motion"),
    **_MOTION_SCORES,
    "mean_flow": ("widths/s", "Mean |F| of the matched window."),
    "camera_explained": ("0..1", "Share of the window's flow energy that an affine camera explains."),
    "natural_motion": ("", "The movement is anyone's, and no evidence."),
    "natural_reason": ("", "`still`, `camera` or `common`; or why there is no motion to judge."),
    "motion_memorised": ("", "`motion_score` reaches the threshold, and the motion is not natural."),
    **_RATIOS,
    "own_similarity": ("-1..1", "Best `gsscd_max` to one of the prompt's own clips."),
    "own_first": ("", "The best content match of the whole corpus is one of the prompt's own clips."),
    "agreement": ("-1..1", "Mean similarity to the prompt's other seeds."),
    "clique_size": ("videos", "Largest set of near-identical seeds that the video belongs to (Carlini et al.)."),
    "verdict": ("", "`verbatim`, `retrieved`, `template`, `motion` or `none`: the most that comes back."),
    **STATUS,
}

_DETECTOR: Columns = {
    "detector": ("", "Name of the detector, of `vidmem.detect.registry`."),
    "label": ("", "Whose verdicts are to be foreseen: `content`, `motion` or `either`."),
    "steps": (
        "",
        "`first`, `first5`, `half`, `all`, `last`, `last5`, `first_over_last5`, `step:<n>`; `draft`: passes before.",
    ),
}


def ends(prefix: str, unit: str = "0..1", of: str = "95 % bootstrap interval over prompts") -> Columns:
    """The columns `<prefix>low` and `<prefix>high`, the ends of an interval."""
    return {f"{prefix}{end}": (unit, f"{text} end of its {of}.") for end, text in (("low", "Lower"), ("high", "Upper"))}


def with_interval(name: str, unit: str, meaning: str, **of: str) -> Columns:
    """A column with the ends of its interval."""
    return {name: (unit, meaning), **ends(f"{name}_", unit, **of)}


DETECT: Columns = {
    **_DETECTOR,
    "seeds": ("videos", "Seeds of a prompt that are averaged; 1: every video by itself."),
    "default": ("", "The row that the report speaks of."),
    "calls": (
        "predictions",
        "Predictions of the denoiser for one prompt; a step has a conditional and an unconditional one.",
    ),
    "positives": ("prompts", "Prompts with such a verdict; with one seed videos."),
    "negatives": ("prompts", "Prompts without."),
    **with_interval("auc", "0..1", "Area under the ROC curve."),
    **with_interval("best_accuracy", "0..1", "Accuracy at the best threshold."),
    **with_interval(
        "tpr_at_1pct_fpr", "0..1", "True-positive rate at 1 % false alarms; with fewer than 100 negatives: at none."
    ),
    **with_interval(
        "tpr_at_01pct_fpr", "0..1", "True-positive rate at .1 % false alarms; with fewer than 1,000 negatives: at none."
    ),
    "beside": ("", "Another detector on the same videos, steps and seeds."),
    **with_interval("gain", "", "AUC less that one's.", of="paired 95 % bootstrap interval over prompts"),
    "fpr": ("0..1", "False-positive rates of the ROC curve's points."),
    "tpr": ("0..1", "True-positive rates of the ROC curve's points."),
    **STATUS,
}

TRANSFER: Columns = {
    **_DETECTOR,
    "fitted_on": ("", "Model that the threshold, or the combination, was set on."),
    "applied_to": ("", "Model that it is put to."),
    "fpr_asked": ("0..1", "False-positive rate that the threshold was set for."),
    "fitted_negatives": ("prompts", "Prompts that the threshold was set on."),
    "threshold": ("", "Flagged is a score above it."),
    "positives": ("prompts", "Prompts with such a verdict, of the model that it is put to."),
    "negatives": ("prompts", "Prompts without."),
    **with_interval("tpr", "0..1", "True-positive rate there.", of="exact binomial 95 % interval over prompts"),
    **with_interval("fpr", "0..1", "False-positive rate there.", of="exact binomial 95 % interval over prompts"),
    **STATUS,
}

PASSES: Columns = {
    "prompt_id": ("", "The prompt."),
    "seed": ("", "Seed of the pure noise."),
    "sigma": ("", "Noise level of the pass."),
    "content_magnitude": ("", "‖Δ‖₂ / √numel, as in the signals, of the first step."),
    "motion_magnitude": ("", "‖D_f Δ‖₂ / √numel, of the first step."),
    "curvature": ("", "‖J_Δ Δ‖₂ / √numel by a finite difference (after Jeon et al.)."),
    "curvature_step": ("", "Size of that difference, relative to unit noise."),
    "draft_sigma": ("", "Noise level at which the guess of a draft is looked at."),
    **{
        name: (unit, f"{meaning.removesuffix('.')}, of a draft: a sampling in three steps that ends after two.")
        for name, (unit, meaning) in _GUESSES.items()
    },
    "calls": ("predictions", "Predictions of the denoiser."),
    **STATUS,
}

TRUTH: Columns = {
    **_VIDEO,
    "prompt_id": ("", "The prompt that it answers."),
    "multiplicity": ("items", "How often the prompt's clip stands in the corpus."),
    "content_truth": ("", "Its content was planted; null: not decided, and the video is not judged."),
    "motion_truth": ("", "Its motion was planted; null: not decided."),
    "content_verdict": ("", "What the audit says of its content."),
    "motion_verdict": ("", "What the audit says of its motion."),
    "content_score": ("", "As in the metrics."),
    "motion_score": ("", "As in the metrics."),
    "own_similarity": ("-1..1", "As in the metrics."),
    "own_first": ("", "As in the metrics."),
    **STATUS,
}

ASKED_AGAIN: Columns = {
    "prompt_id": ("", "The prompt."),
    "seed": ("", "Seed that is asked again."),
    "group": ("", "`flagged` (some video had a verdict) or `unflagged`."),
    "rank": ("", "Of the prompt in its group, from 1: flagged ones by how sure, the others as they are drawn."),
    "text": ("", "What the model is asked: the prompt, or under `reword` other words for it."),
    "source_ids": ("", "As in `prompts.parquet`: whose first frame a video may start from."),
    "base_video_id": ("", "The unmitigated video of the same prompt and seed."),
}

MITIGATE: Columns = {
    "branch": ("", "A model under a remedy of one strength: `<model>.<remedy>.<strength>`."),
    "group": ("", "`flagged` or `unflagged` prompts."),
    "measure": ("", "`content`, `template`, `motion` (rates), or a measure of docs/mitigation.md."),
    "remedy": ("", "Name of the remedy in the config."),
    "kind": ("", "Its kind."),
    "strength": ("", "Its strength."),
    "prompts": ("prompts", "Prompts that the measure could be taken of on both sides."),
    "videos": ("videos", "Pairs of the same prompt and seed that it could be taken of on both sides."),
    **with_interval("before", "the measure's", "Mean over the model's own videos."),
    **with_interval("after", "the measure's", "Mean over the branch's videos."),
    **with_interval("change", "the measure's", "Mean of the differences of pairs, after less before."),
    **STATUS,
}


def _share(name: str, meaning: str) -> Columns:
    return {f"{name}_share": ("0..1", meaning), **ends(f"{name}_")}


EFFECTIVE_SIZE: Columns = {
    "family": ("", "The model whose `sizes` they are."),
    "clips": ("clips", "Distinct clips that this one was trained on, each once."),
    "model": ("", "Name of this one."),
    "prompts": ("prompts", "Prompts that were answered."),
    "videos": ("videos", "Videos of it."),
    **_share("verdict", "Share of videos that the audit calls memorised by content."),
    **_share("d1_d2_feature", "Share of videos with d₁/d₂ < 1/3 between embeddings (Gu et al.)."),
    **_share("d1_d2_pixel", "Share of videos with d₁/d₂ < 1/3 in pixels."),
}


def _rates(kind: str) -> Columns:
    return {
        f"{kind}_memorised": ("videos", f"Videos that are memorised by {kind}; null: none has such a score."),
        f"{kind}_rate": ("0..1", "Their share."),
        **ends(f"{kind}_"),
    }


def _spread(score: str, unit: str, of: str) -> Columns:
    return {
        f"{score}_p95": (unit, f"95th percentile over the videos of {of}."),
        f"{score}_max": (unit, f"Maximum of {of}."),
    }


DATASET: Columns = {
    "audit": ("", "Name of the audit."),
    "dataset": ("", "What its corpus is called."),
    "model": ("", "Name of the model."),
    "videos": ("videos", "Videos with a verdict, of prompts from the corpus or of no known prompt."),
    "prompts": ("prompts", "Their prompts."),
    **_rates("content"),
    **_rates("motion"),
    **_spread("content_score", "", "the content score that is judged"),
    **_spread("gsscd_max", "-1..1", "the plain content score of the same matches"),
    **_spread("motion_score", "", "the motion score that is judged"),
    **_spread("ofs3", "-1..1", "OFS-3 of raw flow of the same matches"),
    **with_interval("content_auc", "0..1", "AUC of the default detector of content, over all prompts of the model."),
    **with_interval("motion_auc", "0..1", "AUC of the default detector of motion."),
    **STATUS,
}
