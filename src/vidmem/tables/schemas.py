"""Every table's schema: keys first, vectors fixed in size and never null.

One module holds all of them, so that two stages can't disagree about a column. What each column means, and in which
unit, stands in `columns.py`, from which the reference is made.
"""

from __future__ import annotations

import pyarrow as pa

OK, SKIPPED, FAILED = "ok", "skipped", "failed"
THUMBNAIL_BYTES = 16 * 16 * 3
PICTURE_SIDE = 48  # pixels; large enough to tell which part of a frame comes back
PICTURE_BYTES = PICTURE_SIDE * PICTURE_SIDE
_STATUS = [pa.field("status", pa.string(), nullable=False), pa.field("reason", pa.string())]


def _key(name: str) -> pa.Field:
    return pa.field(name, pa.string(), nullable=False)


def _schema(*fields: pa.Field | tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([f if isinstance(f, pa.Field) else pa.field(*f) for f in fields])


def vector(size: int) -> pa.DataType:
    """The type of a non-null float32 vector column of `size` numbers."""
    return pa.list_(pa.field("item", pa.float32(), nullable=False), size)


# What a media file is and where its bytes lie: the corpus manifest and the generated videos share these.
# `path` with `offset`/`size` null is a whole file; with numbers it is a byte range of that file (a tar member). With
# `offset` alone it is a cell of a Parquet file: `path` is `<file>.parquet/<column>`, `offset` the number of the row.
_MEDIA = [
    ("path", pa.string()),
    ("offset", pa.int64()),
    ("size", pa.int64()),
    ("kind", pa.string()),  # video | image
    ("fps", pa.float64()),
    ("frames", pa.int32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("duration_s", pa.float64()),
]

MANIFEST = _schema(
    _key("item_id"),
    ("corpus", pa.string()),  # name of the corpus that it is from, where several are joined
    *_MEDIA,
    ("caption", pa.string()),
    ("sha256", pa.string()),  # of the file's bytes
    ("same_as", pa.string()),  # item_id of the first ok item with the same bytes (its own id if it is the first)
    *_STATUS,
)

DUPLICATES = _schema(  # one row a corpus item: what stands beside it, by each kind of evidence
    _key("item_id"),
    ("corpus", pa.string()),
    ("prompt_id", pa.string()),  # of its caption
    ("caption_multiplicity", pa.int32()),  # items that bear the same caption
    ("caption_component", pa.string()),  # smallest item_id among items with the same or a nearly same caption
    ("caption_component_size", pa.int32()),  # items in it
    ("semantic_neighbours", pa.int32()),  # other captions that say the same in other words; null: not looked for
    ("content_component", pa.string()),  # smallest item_id among items that show the same
    ("content_component_size", pa.int32()),
    ("motion_component", pa.string()),  # smallest item_id among items that move the same
    ("motion_component_size", pa.int32()),
    ("same_caption_same_video", pa.int32()),  # other items of the same caption component and content component
    ("same_caption_other_video", pa.int32()),  # template captions of stock footage
    ("other_caption_same_video", pa.int32()),
    ("same_motion_other_video", pa.int32()),
    *_STATUS,  # skipped + reason for an item that has no usable file; evidence that is missing is null
)

PROMPTS = _schema(
    _key("prompt_id"),
    ("text", pa.string()),
    ("set", pa.string()),  # see prompts.sets: video-duplicated | image-duplicated | motion-duplicated | ...
    ("duplicates", pa.int32()),  # corpus items that bear this caption
    ("content_duplicates", pa.int32()),  # most items among them that are the same file
    ("source_ids", pa.list_(pa.string())),  # item_ids of the distinct clips under this caption, `same_as` ids, sorted
    ("corpus", pa.string()),  # name of the corpus of its clips
    ("risk", pa.float64()),  # what its set is ranked by; null where it isn't
    ("near_captions", pa.int32()),  # items with the same or a nearly same caption
    ("same_video", pa.int32()),  # most items that show the same as one of its clips, under any caption
    ("same_motion", pa.int32()),  # most items that move the same as one of its clips and show something else
    ("origin", pa.string()),  # paraphrase: prompt_id that it rewords; control: version of the list; imported: the file
    ("evidence", pa.string()),  # why it is in its set, in words
)

VIDEOS = _schema(  # one row a generated video
    _key("video_id"),
    ("prompt_id", pa.string()),
    ("seed", pa.int64()),
    ("model", pa.string()),
    ("batch_size", pa.int32()),  # videos that were sampled at once with it
    ("truncated", pa.bool_()),  # the prompt is longer than the tokenizer's limit
    ("condition", pa.string()),  # item_id of the image that it starts from
    ("class_label", pa.int32()),
    ("remedy", pa.string()),  # kind of the remedy that it was made under
    ("denoiser_calls", pa.int32()),  # predictions that the denoiser was asked for; a pass on both conditions gives two
    *_MEDIA,
    ("sha256", pa.string()),  # of the video's bytes
    *_STATUS,
)

SIGNALS = _schema(  # one row a video and sampling step: what the denoiser said, converted to epsilon
    _key("video_id"),
    pa.field("step", pa.int32(), nullable=False),  # 0 is the first (noisiest)
    ("prompt_id", pa.string()),
    ("seed", pa.int64()),
    ("timestep", pa.float64()),
    ("sigma", pa.float64()),
    ("alpha_bar", pa.float64()),
    ("content_magnitude", pa.float64()),  # ||delta|| / sqrt(numel)
    ("motion_magnitude", pa.float64()),  # ||D_f delta|| / sqrt(numel)
    ("uncond_norm", pa.float64()),  # ||eps(x, null)|| / sqrt(numel)
    ("cosine", pa.float64()),  # cos(delta, eps(x, null))
    ("profile", pa.list_(pa.float32())),  # ||delta_f|| / sqrt(numel) of each latent frame f
    ("departure", pa.float64()),  # ||guess - first unconditional guess|| / sqrt(numel) of the conditional clean guess
    ("moved", pa.float64()),  # ||guess - first conditional guess|| / sqrt(numel)
    ("departure_motion", pa.float64()),  # the same two of D_f of the guesses
    ("moved_motion", pa.float64()),
    ("remedy_change", pa.float64()),  # what a remedy changed of what the scheduler is handed, as a share of its norm
    ("similarity_frames", pa.float64()),  # of the predicted clean clip to its nearest reference (some remedies)
    ("similar_by_frames", pa.string()),  # item_id of that reference
    ("similarity_motion", pa.float64()),
    ("similar_by_motion", pa.string()),
    ("similarity_threshold", pa.float64()),
    *_STATUS,  # skipped + reason where a model gives no such signal
)


def frames_schema(dim: int) -> pa.Schema:
    """Copy-detection vectors, one row a frame that passed the quality gate."""
    return _schema(
        _key("video_id"),
        pa.field("frame", pa.int32(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("vector", vector(dim), nullable=False),
        pa.field(
            "thumbnail", pa.binary(THUMBNAIL_BYTES), nullable=False
        ),  # uint8 (16, 16, 3), the view that is embedded
        pa.field("picture", pa.binary(PICTURE_BYTES), nullable=False),  # uint8 (48, 48), the same in grey levels
    )


def flow_schema(grid: int) -> pa.Schema:
    """Optical flow, one row a pair of neighbouring frames at the common rate.

    `vector` is the area-averaged field of shape (2, grid, grid), flattened: x then y component, row-major,
    in shares of the frame's width per second.
    """
    return _schema(
        _key("video_id"),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),  # of the first frame of the pair
        pa.field("magnitude", pa.float32(), nullable=False),  # mean |F| over the grid
        pa.field("vector", vector(2 * grid * grid), nullable=False),
    )


FEATURE_ITEMS = _schema(  # one row a video or image: what became of it
    _key("video_id"),
    ("frames_used", pa.int32()),
    ("frames_gated", pa.int32()),  # blank, flat or fading frames that were left out
    ("flows", pa.int32()),
    *_STATUS,
)

MATCHES = _schema(  # the top-k matches of each video by kind, and the prompt's own clips wherever they rank
    _key("video_id"),
    _key("kind"),  # content | motion
    pa.field("rank", pa.int32(), nullable=False),  # 1 is the best; 0: an own clip that is not among the top-k
    _key("ref_id"),
    pa.field("score", pa.float32(), nullable=False),  # what is ranked: gsscd_max, or the null-normalised motion score
    pa.field("own", pa.bool_(), nullable=False),  # ref_id is one of the prompt's source_ids
    ("gsscd_max", pa.float32()),
    ("gsscd_k", pa.float32()),
    ("vsscd", pa.float32()),
    ("content_normalised", pa.float32()),  # gsscd_max minus what the video scores with background clips
    ("gen_fraction", pa.float32()),  # share of the video's frames with a match in the reference
    ("ref_fraction", pa.float32()),  # share of the reference's frames with a match in the video
    ("template", pa.float32()),  # largest connected part of the frame that comes back, as a share of its textured cells
    ("template_map", pa.list_(pa.float32())),  # similarity by cell of the best frame pair, row-major; NaN: no texture
    ("template_gen_time_s", pa.float64()),
    ("template_ref_time_s", pa.float64()),
    ("ofs", pa.float32()),  # OFS-k, raw flow
    ("ofs3", pa.float32()),  # OFS-3, raw flow: the study's score
    ("ofs_residual", pa.float32()),  # the default motion score before null normalisation
    ("speed", pa.float32()),  # motion: how much faster the video plays the reference's movement
    ("gen_time_s", pa.float64()),  # content: the frames of gsscd_max
    ("ref_time_s", pa.float64()),
    ("gen_start_s", pa.float64()),  # the matched segment (content) or window (motion), on both sides
    ("gen_end_s", pa.float64()),
    ("ref_start_s", pa.float64()),
    ("ref_end_s", pa.float64()),
    ("d1_d2_pixel", pa.float32()),  # content rank 1 only: smallest over frames of nearest / nearest of another clip
    ("d1_d2_feature", pa.float32()),
    ("background", pa.list_(pa.float32())),  # motion rank 1 only: scores of this video against unrelated clips
)

METRICS = _schema(  # one row a generated video: every score, p-value and verdict
    _key("video_id"),
    ("prompt_id", pa.string()),
    ("seed", pa.int64()),
    ("prompt_set", pa.string()),
    ("content_score", pa.float32()),  # what is judged, of the best clip of the whole corpus
    ("content_ref_id", pa.string()),
    ("content_gen_time_s", pa.float64()),  # the best pair of frames
    ("content_ref_time_s", pa.float64()),
    ("content_gen_start_s", pa.float64()),  # the segment that comes back, on both sides
    ("content_gen_end_s", pa.float64()),
    ("content_ref_start_s", pa.float64()),
    ("content_ref_end_s", pa.float64()),
    ("content_p_value", pa.float64()),
    ("content_q_value", pa.float64()),  # Benjamini-Hochberg over the audit's videos of this model
    ("content_threshold", pa.float64()),
    ("gsscd_max", pa.float32()),
    ("gsscd_k", pa.float32()),
    ("vsscd", pa.float32()),
    ("content_normalised", pa.float32()),
    ("gen_fraction", pa.float32()),
    ("ref_fraction", pa.float32()),
    ("content_memorised", pa.bool_()),
    ("template_score", pa.float32()),  # largest connected part of the frame that comes back, 0..1
    ("template_ref_id", pa.string()),
    ("template_gen_time_s", pa.float64()),
    ("template_ref_time_s", pa.float64()),
    ("template_map", pa.list_(pa.float32())),
    ("template_p_value", pa.float64()),
    ("template_q_value", pa.float64()),
    ("template_threshold", pa.float64()),
    ("template_memorised", pa.bool_()),
    ("motion_score", pa.float32()),
    ("motion_ref_id", pa.string()),
    ("motion_gen_time_s", pa.float64()),  # start and end of the window, on both sides
    ("motion_ref_time_s", pa.float64()),
    ("motion_gen_end_s", pa.float64()),
    ("motion_ref_end_s", pa.float64()),
    ("motion_p_value", pa.float64()),
    ("motion_q_value", pa.float64()),
    ("motion_threshold", pa.float64()),
    ("ofs", pa.float32()),
    ("ofs3", pa.float32()),
    ("ofs_residual", pa.float32()),
    ("speed", pa.float32()),
    ("mean_flow", pa.float32()),  # share of width per second
    ("camera_explained", pa.float32()),  # share of flow energy that an affine camera explains, 0..1
    ("natural_motion", pa.bool_()),
    ("natural_reason", pa.string()),  # still | camera | common, or why there is no motion to judge
    ("motion_memorised", pa.bool_()),
    ("d1_d2_pixel", pa.float32()),  # nearest-neighbour distance ratio (Gu et al. 2310.02664)
    ("d1_d2_feature", pa.float32()),
    ("own_similarity", pa.float32()),  # best gsscd_max to one of the prompt's own clips
    ("own_first", pa.bool_()),  # the best match of the whole corpus is one of the prompt's own clips
    ("agreement", pa.float32()),  # mean similarity to the prompt's other seeds
    ("clique_size", pa.int32()),  # largest set of near-identical seeds that this video belongs to (Carlini et al.)
    ("verdict", pa.string()),  # verbatim | retrieved | template | motion | none
    *_STATUS,
)

DETECT = _schema(  # one row a detector, kind of memorisation, and use of steps and seeds
    _key("detector"),  # a name of the registry: see docs/detectors.md
    _key("label"),  # content | motion | either: whose verdicts are to be foreseen
    _key("steps"),  # first | first5 | half | all | last | last5 | first_over_last5 | step:<n>
    pa.field("seeds", pa.int32(), nullable=False),  # of a prompt that are averaged; 1: every video by itself
    ("default", pa.bool_()),
    ("calls", pa.int32()),  # of the denoiser, for one prompt; a conditional and an unconditional one a step
    ("positives", pa.int32()),
    ("negatives", pa.int32()),
    ("auc", pa.float64()),
    ("auc_low", pa.float64()),  # 95 % bootstrap interval over prompts, here and below
    ("auc_high", pa.float64()),
    ("best_accuracy", pa.float64()),
    ("best_accuracy_low", pa.float64()),
    ("best_accuracy_high", pa.float64()),
    ("tpr_at_1pct_fpr", pa.float64()),  # with fewer than 100 negatives: without any false alarm
    ("tpr_at_1pct_fpr_low", pa.float64()),
    ("tpr_at_1pct_fpr_high", pa.float64()),
    ("tpr_at_01pct_fpr", pa.float64()),  # at .1 %; with fewer than 1,000 negatives: without any false alarm
    ("tpr_at_01pct_fpr_low", pa.float64()),
    ("tpr_at_01pct_fpr_high", pa.float64()),
    ("beside", pa.string()),  # another detector on the same videos, steps and seeds
    ("gain", pa.float64()),  # AUC minus that one's, with the paired interval
    ("gain_low", pa.float64()),
    ("gain_high", pa.float64()),
    ("fpr", pa.list_(pa.float64())),
    ("tpr", pa.list_(pa.float64())),
    *_STATUS,
)

TRANSFER = _schema(  # one row a detector, kind, and pair of models: a threshold of one model put to another
    _key("detector"),
    _key("label"),
    _key("steps"),
    _key("fitted_on"),
    _key("applied_to"),
    ("fpr_asked", pa.float64()),
    ("fitted_negatives", pa.int32()),  # prompts that the threshold was set on
    ("threshold", pa.float64()),  # flagged: score above it
    ("positives", pa.int32()),  # prompts of the model that it is applied to
    ("negatives", pa.int32()),
    ("tpr", pa.float64()),
    ("tpr_low", pa.float64()),  # exact binomial 95 % interval over prompts
    ("tpr_high", pa.float64()),
    ("fpr", pa.float64()),
    ("fpr_low", pa.float64()),
    ("fpr_high", pa.float64()),
    *_STATUS,
)

PASSES = _schema(  # one row a prompt and noise: what the denoiser says of pure noise, in passes that sample no video
    _key("prompt_id"),
    pa.field("seed", pa.int64(), nullable=False),
    ("sigma", pa.float64()),
    ("content_magnitude", pa.float64()),  # as in SIGNALS, of the first step
    ("motion_magnitude", pa.float64()),
    ("curvature", pa.float64()),  # ||J_delta delta|| / sqrt(numel): see generate/extra_passes.py
    ("curvature_step", pa.float64()),  # size of the finite difference, relative to unit noise
    ("draft_sigma", pa.float64()),  # noise level at which the guess of a draft is looked at
    ("departure", pa.float64()),  # as in SIGNALS, of a draft: a sampling in three steps that ends after two
    ("moved", pa.float64()),
    ("departure_motion", pa.float64()),
    ("moved_motion", pa.float64()),
    ("calls", pa.int32()),  # of the denoiser
    *_STATUS,
)

TRUTH = _schema(  # one row a generated video of a model whose memorisation is known
    _key("video_id"),
    ("prompt_id", pa.string()),
    ("multiplicity", pa.int32()),
    ("content_truth", pa.bool_()),  # null: the truth is not decided for this video, and it is not judged
    ("motion_truth", pa.bool_()),
    ("content_verdict", pa.bool_()),
    ("motion_verdict", pa.bool_()),
    ("content_score", pa.float32()),
    ("motion_score", pa.float32()),
    ("own_similarity", pa.float32()),
    ("own_first", pa.bool_()),
    *_STATUS,
)

ASKED_AGAIN = _schema(  # one row a prompt and seed that is asked again under remedies
    _key("prompt_id"),
    pa.field("seed", pa.int64(), nullable=False),
    _key("group"),  # flagged | unflagged
    pa.field("rank", pa.int32(), nullable=False),  # of the prompt in its group, from 1: flagged by how sure, else drawn
    ("text", pa.string()),  # what the model is asked: the prompt, or under `reword` other words for it
    ("source_ids", pa.list_(pa.string())),  # as of PROMPTS: whose first frame a video may start from
    ("base_video_id", pa.string()),  # the unmitigated video of the same prompt and seed
)

MITIGATE = _schema(  # one row a branch (a model under a remedy of one strength), group of prompts and measure
    _key("branch"),
    _key("group"),  # flagged | unflagged
    _key("measure"),  # content | template | motion (rates), and what vidmem.mitigate.measures names
    ("remedy", pa.string()),  # its name in the config
    ("kind", pa.string()),
    ("strength", pa.float64()),
    ("prompts", pa.int32()),
    ("videos", pa.int32()),  # pairs of the same prompt and seed that the measure could be taken of on both sides
    ("before", pa.float64()),  # mean over the model's own videos, with its 95 % bootstrap interval over prompts
    ("before_low", pa.float64()),
    ("before_high", pa.float64()),
    ("after", pa.float64()),  # mean over the branch's videos
    ("after_low", pa.float64()),
    ("after_high", pa.float64()),
    ("change", pa.float64()),  # mean of the differences of pairs
    ("change_low", pa.float64()),
    ("change_high", pa.float64()),
    *_STATUS,  # skipped + reason where there is nothing to take the measure of
)

EFFECTIVE_SIZE = _schema(  # one row a model that was trained on a number of distinct clips, each once
    _key("family"),  # the model whose `sizes` they are
    pa.field("clips", pa.int32(), nullable=False),
    _key("model"),
    ("prompts", pa.int32()),
    ("videos", pa.int32()),
    ("verdict_share", pa.float64()),  # of videos that the audit calls memorised by content
    ("verdict_low", pa.float64()),  # 95 % bootstrap interval over prompts
    ("verdict_high", pa.float64()),
    ("d1_d2_feature_share", pa.float64()),  # of videos with a distance ratio under 1/3 (Gu et al.)
    ("d1_d2_feature_low", pa.float64()),
    ("d1_d2_feature_high", pa.float64()),
    ("d1_d2_pixel_share", pa.float64()),
    ("d1_d2_pixel_low", pa.float64()),
    ("d1_d2_pixel_high", pa.float64()),
)

DATASET = _schema(  # one row a model of an audit: its row of the study's table (model x dataset)
    _key("audit"),
    ("dataset", pa.string()),  # what the corpus is called
    ("model", pa.string()),
    ("videos", pa.int32()),  # with a verdict, of prompts from the corpus or of no known prompt
    ("prompts", pa.int32()),
    ("content_memorised", pa.int32()),  # of these videos; null: none has such a score (motion of images)
    ("content_rate", pa.float64()),
    ("content_low", pa.float64()),  # 95 % bootstrap interval over prompts
    ("content_high", pa.float64()),
    ("motion_memorised", pa.int32()),
    ("motion_rate", pa.float64()),
    ("motion_low", pa.float64()),
    ("motion_high", pa.float64()),
    ("content_score_p95", pa.float64()),  # 95th percentile and maximum over the videos: what is judged,
    ("content_score_max", pa.float64()),
    ("gsscd_max_p95", pa.float64()),  # and the plain scores of the same matches
    ("gsscd_max_max", pa.float64()),
    ("motion_score_p95", pa.float64()),
    ("motion_score_max", pa.float64()),
    ("ofs3_p95", pa.float64()),
    ("ofs3_max", pa.float64()),
    ("content_auc", pa.float64()),  # of the default detector, over all prompts of the model
    ("content_auc_low", pa.float64()),
    ("content_auc_high", pa.float64()),
    ("motion_auc", pa.float64()),
    ("motion_auc_low", pa.float64()),
    ("motion_auc_high", pa.float64()),
    *_STATUS,  # skipped + reason for a model without such videos, or an audit without results
)
