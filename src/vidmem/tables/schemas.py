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
    ("kind", pa.string()),
    ("fps", pa.float64()),
    ("frames", pa.int32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("duration_s", pa.float64()),
]

MANIFEST = _schema(
    _key("item_id"),
    ("corpus", pa.string()),
    *_MEDIA,
    ("caption", pa.string()),
    ("sha256", pa.string()),
    ("same_as", pa.string()),
    *_STATUS,
)

DUPLICATES = _schema(  # one row a corpus item: what stands beside it, by each kind of evidence
    _key("item_id"),
    ("corpus", pa.string()),
    ("prompt_id", pa.string()),
    ("caption_multiplicity", pa.int32()),
    ("caption_component", pa.string()),
    ("caption_component_size", pa.int32()),
    ("semantic_neighbours", pa.int32()),
    ("content_component", pa.string()),
    ("content_component_size", pa.int32()),
    ("motion_component", pa.string()),
    ("motion_component_size", pa.int32()),
    ("same_caption_same_video", pa.int32()),
    ("same_caption_other_video", pa.int32()),
    ("other_caption_same_video", pa.int32()),
    ("same_motion_other_video", pa.int32()),
    *_STATUS,  # skipped + reason for an item that has no usable file; evidence that is missing is null
)

PROMPTS = _schema(
    _key("prompt_id"),
    ("text", pa.string()),
    ("set", pa.string()),
    ("duplicates", pa.int32()),
    ("content_duplicates", pa.int32()),
    ("source_ids", pa.list_(pa.string())),
    ("corpus", pa.string()),
    ("risk", pa.float64()),
    ("near_captions", pa.int32()),
    ("same_video", pa.int32()),
    ("same_motion", pa.int32()),
    ("origin", pa.string()),
    ("evidence", pa.string()),
)

VIDEOS = _schema(  # one row a generated video
    _key("video_id"),
    ("prompt_id", pa.string()),
    ("seed", pa.int64()),
    ("model", pa.string()),
    ("batch_size", pa.int32()),
    ("truncated", pa.bool_()),
    ("condition", pa.string()),
    ("class_label", pa.int32()),
    ("remedy", pa.string()),
    ("denoiser_calls", pa.int32()),
    *_MEDIA,
    ("sha256", pa.string()),
    *_STATUS,
)

SIGNALS = _schema(  # one row a video and sampling step: what the denoiser said, converted to epsilon
    _key("video_id"),
    pa.field("step", pa.int32(), nullable=False),
    ("prompt_id", pa.string()),
    ("seed", pa.int64()),
    ("timestep", pa.float64()),
    ("sigma", pa.float64()),
    ("alpha_bar", pa.float64()),
    ("content_magnitude", pa.float64()),
    ("motion_magnitude", pa.float64()),
    ("uncond_norm", pa.float64()),
    ("cosine", pa.float64()),
    ("profile", pa.list_(pa.float32())),
    ("departure", pa.float64()),
    ("moved", pa.float64()),
    ("departure_motion", pa.float64()),
    ("moved_motion", pa.float64()),
    ("remedy_change", pa.float64()),
    ("similarity_frames", pa.float64()),
    ("similar_by_frames", pa.string()),
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
        pa.field("thumbnail", pa.binary(THUMBNAIL_BYTES), nullable=False),
        pa.field("picture", pa.binary(PICTURE_BYTES), nullable=False),
    )


def flow_schema(grid: int) -> pa.Schema:
    """Optical flow, one row a pair of neighbouring frames at the common rate.

    `vector` is the area-averaged field of shape (2, grid, grid), flattened: x then y component, row-major,
    in shares of the frame's width per second.
    """
    return _schema(
        _key("video_id"),
        pa.field("index", pa.int32(), nullable=False),
        pa.field("time_s", pa.float64(), nullable=False),
        pa.field("magnitude", pa.float32(), nullable=False),
        pa.field("vector", vector(2 * grid * grid), nullable=False),
    )


FEATURE_ITEMS = _schema(  # one row a video or image: what became of it
    _key("video_id"),
    ("frames_used", pa.int32()),
    ("frames_gated", pa.int32()),
    ("flows", pa.int32()),
    *_STATUS,
)

MATCHES = _schema(  # the top-k matches of each video by kind, and the prompt's own clips wherever they rank
    _key("video_id"),
    _key("kind"),
    pa.field("rank", pa.int32(), nullable=False),
    _key("ref_id"),
    pa.field("score", pa.float32(), nullable=False),
    pa.field("own", pa.bool_(), nullable=False),
    ("gsscd_max", pa.float32()),
    ("gsscd_k", pa.float32()),
    ("vsscd", pa.float32()),
    ("content_normalised", pa.float32()),
    ("gen_fraction", pa.float32()),
    ("ref_fraction", pa.float32()),
    ("template", pa.float32()),
    ("template_map", pa.list_(pa.float32())),
    ("template_gen_time_s", pa.float64()),
    ("template_ref_time_s", pa.float64()),
    ("ofs", pa.float32()),
    ("ofs3", pa.float32()),
    ("ofs_residual", pa.float32()),
    ("speed", pa.float32()),
    ("gen_time_s", pa.float64()),
    ("ref_time_s", pa.float64()),
    ("gen_start_s", pa.float64()),
    ("gen_end_s", pa.float64()),
    ("ref_start_s", pa.float64()),
    ("ref_end_s", pa.float64()),
    ("d1_d2_pixel", pa.float32()),
    ("d1_d2_feature", pa.float32()),
    ("background", pa.list_(pa.float32())),
)

METRICS = _schema(  # one row a generated video: every score, p-value and verdict
    _key("video_id"),
    ("prompt_id", pa.string()),
    ("seed", pa.int64()),
    ("prompt_set", pa.string()),
    ("content_score", pa.float32()),
    ("content_ref_id", pa.string()),
    ("content_gen_time_s", pa.float64()),
    ("content_ref_time_s", pa.float64()),
    ("content_gen_start_s", pa.float64()),
    ("content_gen_end_s", pa.float64()),
    ("content_ref_start_s", pa.float64()),
    ("content_ref_end_s", pa.float64()),
    ("content_p_value", pa.float64()),
    ("content_q_value", pa.float64()),
    ("content_threshold", pa.float64()),
    ("gsscd_max", pa.float32()),
    ("gsscd_k", pa.float32()),
    ("vsscd", pa.float32()),
    ("content_normalised", pa.float32()),
    ("gen_fraction", pa.float32()),
    ("ref_fraction", pa.float32()),
    ("content_memorised", pa.bool_()),
    ("template_score", pa.float32()),
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
    ("motion_gen_time_s", pa.float64()),
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
    ("mean_flow", pa.float32()),
    ("camera_explained", pa.float32()),
    ("natural_motion", pa.bool_()),
    ("natural_reason", pa.string()),
    ("motion_memorised", pa.bool_()),
    ("d1_d2_pixel", pa.float32()),
    ("d1_d2_feature", pa.float32()),
    ("own_similarity", pa.float32()),
    ("own_first", pa.bool_()),
    ("agreement", pa.float32()),
    ("clique_size", pa.int32()),
    ("verdict", pa.string()),
    *_STATUS,
)

DETECT = _schema(  # one row a detector, kind of memorisation, and use of steps and seeds
    _key("detector"),
    _key("label"),
    _key("steps"),
    pa.field("seeds", pa.int32(), nullable=False),
    ("default", pa.bool_()),
    ("calls", pa.int32()),
    ("positives", pa.int32()),
    ("negatives", pa.int32()),
    ("auc", pa.float64()),
    ("auc_low", pa.float64()),
    ("auc_high", pa.float64()),
    ("best_accuracy", pa.float64()),
    ("best_accuracy_low", pa.float64()),
    ("best_accuracy_high", pa.float64()),
    ("tpr_at_1pct_fpr", pa.float64()),
    ("tpr_at_1pct_fpr_low", pa.float64()),
    ("tpr_at_1pct_fpr_high", pa.float64()),
    ("tpr_at_01pct_fpr", pa.float64()),
    ("tpr_at_01pct_fpr_low", pa.float64()),
    ("tpr_at_01pct_fpr_high", pa.float64()),
    ("beside", pa.string()),
    ("gain", pa.float64()),
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
    ("fitted_negatives", pa.int32()),
    ("threshold", pa.float64()),
    ("positives", pa.int32()),
    ("negatives", pa.int32()),
    ("tpr", pa.float64()),
    ("tpr_low", pa.float64()),
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
    ("content_magnitude", pa.float64()),
    ("motion_magnitude", pa.float64()),
    ("curvature", pa.float64()),
    ("curvature_step", pa.float64()),
    ("draft_sigma", pa.float64()),
    ("departure", pa.float64()),
    ("moved", pa.float64()),
    ("departure_motion", pa.float64()),
    ("moved_motion", pa.float64()),
    ("calls", pa.int32()),
    *_STATUS,
)

TRUTH = _schema(  # one row a generated video of a model whose memorisation is known
    _key("video_id"),
    ("prompt_id", pa.string()),
    ("multiplicity", pa.int32()),
    ("content_truth", pa.bool_()),
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
    _key("group"),
    pa.field("rank", pa.int32(), nullable=False),
    ("text", pa.string()),
    ("source_ids", pa.list_(pa.string())),
    ("base_video_id", pa.string()),
)

MITIGATE = _schema(  # one row a branch (a model under a remedy of one strength), group of prompts and measure
    _key("branch"),
    _key("group"),
    _key("measure"),
    ("remedy", pa.string()),
    ("kind", pa.string()),
    ("strength", pa.float64()),
    ("prompts", pa.int32()),
    ("videos", pa.int32()),
    ("before", pa.float64()),
    ("before_low", pa.float64()),
    ("before_high", pa.float64()),
    ("after", pa.float64()),
    ("after_low", pa.float64()),
    ("after_high", pa.float64()),
    ("change", pa.float64()),
    ("change_low", pa.float64()),
    ("change_high", pa.float64()),
    *_STATUS,  # skipped + reason where there is nothing to take the measure of
)

EFFECTIVE_SIZE = _schema(  # one row a model that was trained on a number of distinct clips, each once
    _key("family"),
    pa.field("clips", pa.int32(), nullable=False),
    _key("model"),
    ("prompts", pa.int32()),
    ("videos", pa.int32()),
    ("verdict_share", pa.float64()),
    ("verdict_low", pa.float64()),
    ("verdict_high", pa.float64()),
    ("d1_d2_feature_share", pa.float64()),
    ("d1_d2_feature_low", pa.float64()),
    ("d1_d2_feature_high", pa.float64()),
    ("d1_d2_pixel_share", pa.float64()),
    ("d1_d2_pixel_low", pa.float64()),
    ("d1_d2_pixel_high", pa.float64()),
)

DATASET = _schema(  # one row a model of an audit: its row of the study's table (model x dataset)
    _key("audit"),
    ("dataset", pa.string()),
    ("model", pa.string()),
    ("videos", pa.int32()),
    ("prompts", pa.int32()),
    ("content_memorised", pa.int32()),
    ("content_rate", pa.float64()),
    ("content_low", pa.float64()),
    ("content_high", pa.float64()),
    ("motion_memorised", pa.int32()),
    ("motion_rate", pa.float64()),
    ("motion_low", pa.float64()),
    ("motion_high", pa.float64()),
    ("content_score_p95", pa.float64()),
    ("content_score_max", pa.float64()),
    ("gsscd_max_p95", pa.float64()),
    ("gsscd_max_max", pa.float64()),
    ("motion_score_p95", pa.float64()),
    ("motion_score_max", pa.float64()),
    ("ofs3_p95", pa.float64()),
    ("ofs3_max", pa.float64()),
    ("content_auc", pa.float64()),
    ("content_auc_low", pa.float64()),
    ("content_auc_high", pa.float64()),
    ("motion_auc", pa.float64()),
    ("motion_auc_low", pa.float64()),
    ("motion_auc_high", pa.float64()),
    *_STATUS,  # skipped + reason for a model without such videos, or an audit without results
)
