"""The plan: stable chunks, settings that are plain data, and faults that are found before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vidmem.config import ConfigError
from vidmem.plan import Plan, plan_or_exit

MADE: dict[str, Any] = {
    "audit": "a",
    "corpus": {"kind": "made"},
    "prompts": {"video_duplicated": 10, "random_train": 3, "control": 2},
    "generate": {"chunk_size": 4},
    "models": {
        "oracle": {"kind": "oracle", "prompt_sets": ["video-duplicated"]},
        "replay": {"kind": "replay", "copies": 5, "unrelated": 4},
    },
}


def folder_config(root: Path, **models: Any) -> dict[str, Any]:
    for name in ("corpus", "generated"):
        (root / name).mkdir(exist_ok=True)
        (root / name / "a.mp4").write_bytes(b"x")
    videos = {"theirs": {"kind": "videos", "folder": str(root / "generated")}}
    return {"audit": "a", "corpus": {"folder": str(root / "corpus")}, "models": models or videos}


def is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return list(value) == sorted(value) and all(isinstance(k, str) and is_plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(is_plain(v) for v in value)
    return value is None or isinstance(value, str | int | float | bool)


def test_chunks_are_cut_by_set_and_size() -> None:
    plan = Plan(MADE)
    assert plan.prompt_chunks() == [
        "video-duplicated-000",
        "video-duplicated-001",
        "video-duplicated-002",
        "random-train-000",
        "control-000",
    ]
    assert plan.chunks("oracle") == plan.prompt_chunks()[:3]
    assert plan.chunks("replay") == ["videos-000", "videos-001", "videos-002"]


def test_passes_over_pure_noise_are_made_where_they_are_asked_for() -> None:
    assert Plan(MADE).passes("oracle") == []
    asked = Plan({**MADE, "detect": {"extra": {"noises": 2}}})
    assert asked.passed == ["oracle"] and asked.passes("replay") == []
    assert asked.passes("oracle")[0] == "results/{audit}/detect/oracle/video-duplicated-000.passes.parquet"
    assert asked.settings("detect") == Plan(MADE).settings("detect")
    assert asked.settings("detect", "oracle")["extra"] == {"curvature": 0, "draft": 0, "noises": 2}


def test_a_detector_that_needs_passes_is_refused_without_them() -> None:
    config = {**MADE, "detect": {"motion": "curvature"}}
    with pytest.raises(ConfigError, match=r"motion: curvature needs passes of its own: set extra.curvature"):
        Plan(config)
    assert Plan({**config, "detect": {"motion": "curvature", "extra": {"curvature": 1}}}).passed == ["oracle"]


def test_thresholds_are_put_to_other_models_where_there_are_any() -> None:
    assert Plan(MADE).transfer() == [] and Plan(MADE).report_files()["transfer"] is None
    two = Plan({**MADE, "models": {**MADE["models"], "planted": {"kind": "planted"}}})
    assert two.transfer() == ["results/{audit}/detect/transfer.parquet"]
    assert list(two.transfer_files()) == ["oracle", "planted"]  # a folder of videos has no signals
    assert is_plain(two.transfer_files())


def test_more_prompts_add_chunks_and_disturb_none() -> None:
    larger = {**MADE, "prompts": {**MADE["prompts"], "video_duplicated": 30}}
    assert set(Plan(MADE).prompt_chunks()) < set(Plan(larger).prompt_chunks())


def test_settings_are_plain_sorted_builtins_with_the_stage_version() -> None:
    plan = Plan(MADE)
    for stage, subject in [
        ("corpus", "corpus"),
        ("duplicates", None),
        ("prompts", None),
        ("generate", "oracle"),
        ("generate", "replay"),
        ("features", "corpus"),
        ("retrieve", None),
        ("metrics", None),
        ("detect", None),
        ("detect", "oracle"),
        ("truth", "oracle"),
        ("report", None),
    ]:
        settings = plan.settings(stage, subject)
        assert settings["version"] >= 1
        assert is_plain({k: v for k, v in settings.items() if k != "version"}), stage


def test_settings_of_a_stage_do_not_change_with_another_stage() -> None:
    changed = Plan({**MADE, "report": {"title": "Other"}, "metrics": {"fpr": 0.05}})
    for stage, subject in [
        ("generate", "oracle"), ("features", None), ("retrieve", None), ("prompts", None), ("duplicates", None),
    ]:  # fmt: skip
        assert Plan(MADE).settings(stage, subject) == changed.settings(stage, subject)
    assert Plan(MADE).settings("metrics") != changed.settings("metrics")


def test_two_folders_make_a_plan_whose_null_is_the_corpus(tmp_path: Path) -> None:
    plan = Plan(folder_config(tmp_path))
    assert plan.sides == ["corpus"]
    assert plan.null_side == "corpus"
    assert plan.chunks("theirs") == ["videos-000"]
    assert plan.known == []


def test_a_changed_folder_changes_the_settings_of_its_stage(tmp_path: Path) -> None:
    config = folder_config(tmp_path)
    plan = Plan(config)
    before = plan.settings("generate", "theirs"), plan.settings("corpus", "corpus")
    (tmp_path / "generated" / "b.mp4").write_bytes(b"y")
    plan = Plan(config)
    assert plan.settings("generate", "theirs") != before[0]
    assert plan.settings("corpus", "corpus") == before[1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"models": {"m": {"kind": "diffusers", "source": "no/such/folder"}}}, "models.m.source: 'no/such/folder'"),
        ({"models": {"m": {"kind": "diffusers", "source": "./nowhere"}}}, "is not a folder"),
        ({"models": {"m": {"kind": "diffusers", "source": "owner/name"}}}, "pin its commit with `revision`"),
        (
            {"models": {"m": {"kind": "command", "command": ["no-such", "{prompts}", "{outputs}"]}}},
            "models.m.command: 'no-such' is no program that is found here",
        ),
        (
            {"models": {"m": {"kind": "command", "command": ["./no-such", "{prompts}", "{outputs}"]}}},
            "models.m.command: './no-such' is no program",
        ),
        (
            {"models": {"m": {"kind": "command", "command": ["sh", "run.sh", "{prompts}", "{outputs}"]}}},
            "models.m.command: the script 'run.sh' is not in",
        ),
        (
            {"models": {"m": {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], "folder": "nowhere"}}},
            "models.m.folder: 'nowhere' is not a folder",
        ),
        ({"models": {"m": {"kind": "videos", "folder": "nowhere"}}}, "models.m.folder: 'nowhere' is not a folder"),
        ({"models": {"m": {"kind": "oracle"}}}, "needs `corpus.kind: made`"),
        ({"prompts": {"imported": "nowhere.csv"}}, "prompts.imported: 'nowhere.csv' is not a file"),
    ],
)
def test_what_is_missing_is_said_before_anything_runs(tmp_path: Path, change: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Plan({**folder_config(tmp_path), **change})
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_misspelt_folder_gets_the_nearest_name(tmp_path: Path) -> None:
    config = folder_config(tmp_path)
    config["corpus"]["folder"] = str(tmp_path / "corpos")
    with pytest.raises(ConfigError, match=r"did you mean '.*corpus'"):
        Plan(config)


def test_a_prompt_table_without_rows_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "prompts.csv"
    table.write_text("prompt\n")
    with pytest.raises(ConfigError, match="has no rows"):
        Plan({**folder_config(tmp_path), "prompts": {"imported": str(table)}})


def test_an_empty_captions_table_is_refused(tmp_path: Path) -> None:
    config = folder_config(tmp_path)
    (tmp_path / "corpus" / "captions.csv").write_text("path,caption\n")
    with pytest.raises(ConfigError, match=r"corpus.captions: .* has no rows"):
        Plan(config)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    config = folder_config(tmp_path)
    (tmp_path / "corpus" / "a.mp4").unlink()
    with pytest.raises(ConfigError, match="holds no videos or images"):
        Plan(config)


def test_the_snakefile_ends_with_one_line() -> None:
    with pytest.raises(SystemExit) as caught:
        plan_or_exit({"audit": "a"})
    assert str(caught.value).startswith("vidmem: config: ")


def test_clips_shorter_than_the_motion_window_are_named_before_anything_runs() -> None:
    short = {**MADE, "models": {"small": {"kind": "oracle", "frames": 5, "fps": 8}}}
    with pytest.raises(
        ConfigError, match=r"models\.small \(5 frames at 8 a second\) have 4.*set the window to 4"
    ) as error:
        Plan(short)
    assert "\n" not in str(error.value)
    Plan({**short, "retrieve": {"window": 4}})


def unprompted(root: Path, **changed: Any) -> Plan:
    command = {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], "condition": "class", "classes": [3, 5]}
    return Plan({**folder_config(root, m={**command, "videos": 10, **changed}), "generate": {"chunk_size": 4}})


def test_a_model_without_prompts_is_cut_into_numbers(tmp_path: Path) -> None:
    plan = unprompted(tmp_path)
    assert plan.chunks("m") == ["videos-000", "videos-001", "videos-002"]
    assert [plan.numbers("m", chunk) for chunk in plan.chunks("m")] == [[0, 4], [4, 8], [8, 10]]
    assert plan.prompts_of("m", "videos-000") == [] and plan.prompted == []
    assert plan.settings("prompts")["required"] is False


def test_more_videos_add_chunks_and_disturb_none_that_was_full(tmp_path: Path) -> None:
    plan, larger = unprompted(tmp_path), unprompted(tmp_path, videos=100)
    assert plan.settings("generate", "m") == larger.settings("generate", "m")
    full = plan.chunks("m")[:2]
    assert [plan.numbers("m", c) for c in full] == [larger.numbers("m", c) for c in full]
    assert plan.settings("generate", "m") != unprompted(tmp_path, version="2").settings("generate", "m")


def test_a_prompted_model_waits_for_its_prompts(tmp_path: Path) -> None:
    plan = Plan(folder_config(tmp_path, m={"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], "gpus": 2}))
    assert plan.prompted == ["m"] and plan.numbers("m", "control-000") == []
    assert plan.prompts_of("m", "control-000") == ["results/{audit}/prompts/chunks/control-000.parquet"]
    assert plan.needs_gpu("m") == 2
    assert plan.images_manifest("m") == [] and plan.images_root("m") is None


def test_a_model_that_starts_from_images_waits_for_their_manifest(tmp_path: Path) -> None:
    command = {"kind": "command", "command": ["sh", "{prompts}", "{outputs}"], "condition": "image"}
    plan = Plan(folder_config(tmp_path, m=command))
    assert plan.images_manifest("m") == ["results/{audit}/corpus/corpus.parquet"]
    assert plan.images_root("m") == str(tmp_path / "corpus") and plan.images_side("m") == "corpus"


def test_how_videos_are_stored_rebuilds_no_model() -> None:
    plain, other = Plan(MADE), Plan({**MADE, "generate": {"chunk_size": 4, "crf": 20, "signals": "first-step-only"}})
    for model in ("oracle", "replay"):
        assert plain.build_settings(model) == other.build_settings(model) and is_plain(plain.build_settings(model))
    assert plain.settings("generate", "oracle") != other.settings("generate", "oracle")


def joined_config(root: Path) -> dict[str, Any]:
    """A corpus of a WebVid table, tars and a folder, and no model."""
    for name in ("videos", "tars", "films"):
        (root / name).mkdir(exist_ok=True)
    (root / "table.csv").write_text("videoid,page_dir,name\n1,,one\n")
    (root / "tars" / "0.tar").write_bytes(b"x")
    (root / "films" / "a.mp4").write_bytes(b"x")
    sources = {
        "webvid": {"kind": "webvid", "folder": str(root / "videos"), "table": str(root / "table.csv")},
        "tars": {"kind": "webdataset", "folder": str(root / "tars")},
        "films": {"kind": "folder", "folder": str(root / "films")},
    }
    return {"audit": "a", "corpus": {"sources": sources, "chunks": 3}}


def test_joined_corpora_have_a_folder_each_and_chunks_of_their_own(tmp_path: Path) -> None:
    plan = Plan(joined_config(tmp_path))
    folders = {"films": "films", "tars": "tars", "webvid": "videos"}
    assert plan.media_roots("corpus") == {name: str(tmp_path / folder) for name, folder in folders.items()}
    assert plan.joined("corpus") and not Plan(folder_config(tmp_path)).joined("corpus")
    assert plan.manifest_parts("corpus") == [f"results/{{audit}}/corpus/corpus/items-00{n}.parquet" for n in range(3)]
    assert is_plain({k: v for k, v in plan.settings("corpus", "corpus").items() if k != "version"})


def test_held_out_clips_may_lie_in_another_layout(tmp_path: Path) -> None:
    config = joined_config(tmp_path)
    heldout = {"kind": "webdataset", "folder": str(tmp_path / "tars")}
    plan = Plan({**config, "corpus": {**config["corpus"], "heldout": heldout}})
    assert plan.null_side == "heldout" and not plan.joined("heldout")
    assert plan.media_roots("heldout") == str(tmp_path / "tars")
    assert plan.settings("corpus", "heldout")["sources"]["heldout"]["kind"] == "webdataset"


def test_an_audit_without_models_ends_with_its_prompts_and_needs_some(tmp_path: Path) -> None:
    plan = Plan(joined_config(tmp_path))
    assert plan.targets() == ["results/a/prompts/prompts.parquet"]
    assert plan.settings("prompts")["required"] is True


def test_a_corpus_of_tables_and_shards_is_marked_by_those_alone(tmp_path: Path) -> None:
    def mark() -> dict[str, Any]:
        return {k: s["fingerprint"] for k, s in Plan(config).settings("corpus", "corpus")["sources"].items()}

    config = joined_config(tmp_path)
    before = mark()
    (tmp_path / "videos" / "2.mp4").write_bytes(b"not looked at while the workflow is parsed")
    assert mark() == before
    (tmp_path / "table.csv").write_text("videoid,page_dir,name\n1,,one\n2,,two\n")
    (tmp_path / "tars" / "1.tar").write_bytes(b"y")
    changed = mark()
    assert {name for name in before if before[name] != changed[name]} == {"webvid", "tars"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"kind": "webvid", "folder": "nowhere", "table": "t"}, "corpus.sources.s.folder: 'nowhere' is not a folder"),
        (
            {"kind": "webvid", "folder": ".", "table": "nowhere.csv"},
            "corpus.sources.s.table: 'nowhere.csv' is not a file",
        ),
        (
            {"kind": "webvid", "folder": ".", "table": "t.csv", "id": "clip"},
            "'t.csv' has no column 'clip'; there are vid",
        ),
        ({"kind": "webdataset", "folder": "."}, "corpus.sources.s.folder: '.' holds no .tar files"),
        ({"kind": "parquet", "folder": "."}, "corpus.sources.s.folder: '.' holds no .parquet files"),
        ({"kind": "folder", "folder": "."}, "corpus.sources.s.folder: '.' holds no videos or images"),
    ],
)
def test_a_source_that_is_not_there_is_said_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: dict[str, Any], expected: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("videoid,page_dir,name\n1,,one\n")
    with pytest.raises(ConfigError) as caught:
        Plan({"audit": "a", "corpus": {"sources": {"s": source}}})
    assert expected in str(caught.value) and "\n" not in str(caught.value)


def test_frames_by_rate_are_settings_as_they_were_before_there_was_a_choice(tmp_path: Path) -> None:
    config = folder_config(tmp_path)
    usual = Plan(config).settings("features")
    assert "sampling" not in usual and "device" not in usual["flow"]
    assert Plan({**config, "features": {"sampling": "count"}}).settings("features")["sampling"] == "count"
