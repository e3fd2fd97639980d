# Stage `features`: copy-detection vectors and optical flow, of the corpus and of every model alike.


rule features_corpus:
    input:
        manifest="results/{audit}/corpus/corpus.parquet",
    output:
        frames="results/{audit}/features/corpus/{chunk}.frames.parquet",
        flow="results/{audit}/features/corpus/{chunk}.flow.parquet",
        status="results/{audit}/features/corpus/{chunk}.items.parquet",
    log:
        "results/{audit}/logs/features/corpus/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/features/corpus/{chunk}.tsv"
    conda:
        "../../envs/features.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("features_corpus").mem_mb,
        runtime=PLAN.ask("features_corpus").runtime,
        gpu=PLAN.features_gpu,
    params:
        chunks=len(PLAN.corpus_chunks()),
        root=PLAN.media_roots("corpus"),
        settings=PLAN.settings("features", "corpus"),
    message:
        "Frame vectors and flow of the corpus, chunk {wildcards.chunk}"
    script:
        "../scripts/features_corpus.py"


rule features_model:
    input:
        videos="results/{audit}/generate/{model}/{chunk}.videos.parquet",
    output:
        frames="results/{audit}/features/{model}/{chunk}.frames.parquet",
        flow="results/{audit}/features/{model}/{chunk}.flow.parquet",
        status="results/{audit}/features/{model}/{chunk}.items.parquet",
    log:
        "results/{audit}/logs/features/{model}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/features/{model}/{chunk}.tsv"
    conda:
        "../../envs/features.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("features_model").mem_mb,
        runtime=PLAN.ask("features_model").runtime,
        gpu=PLAN.features_gpu,
    params:
        root=lambda w: PLAN.videos_folder(w.model),
        settings=lambda w: PLAN.features_settings(w.model),
    message:
        "Frame vectors and flow of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/features_model.py"


# Clips that can't be copies, in the model's own size, length and frame rate: what thresholds are set on.
rule features_null:
    input:
        manifest=expand("results/{{audit}}/corpus/{side}.parquet", side=PLAN.null_side),
        videos=lambda w: PLAN.tables("generate", w.model, "videos"),
    output:
        frames="results/{audit}/features/{model}/null.frames.parquet",
        flow="results/{audit}/features/{model}/null.flow.parquet",
        status="results/{audit}/features/{model}/null.items.parquet",
    log:
        "results/{audit}/logs/features/{model}/null.log",
    benchmark:
        "results/{audit}/benchmarks/features/{model}/null.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.models),
    conda:
        "../../envs/features.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("features_null").mem_mb,
        runtime=PLAN.ask("features_null").runtime,
        gpu=PLAN.features_gpu,
    params:
        root=PLAN.media_roots(PLAN.null_side),
        settings=PLAN.settings("features", "null"),
    message:
        "Frame vectors and flow of clips that can't be copies, in the format of {wildcards.model}"
    script:
        "../scripts/features_null.py"


# The same clips as the corpus is shown: what scores are held against.
rule features_background:
    input:
        manifest=expand("results/{{audit}}/corpus/{side}.parquet", side=PLAN.null_side),
    output:
        frames="results/{audit}/features/heldout/background.frames.parquet",
        flow="results/{audit}/features/heldout/background.flow.parquet",
        status="results/{audit}/features/heldout/background.items.parquet",
    log:
        "results/{audit}/logs/features/heldout/background.log",
    benchmark:
        "results/{audit}/benchmarks/features/heldout/background.tsv"
    conda:
        "../../envs/features.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("features_background").mem_mb,
        runtime=PLAN.ask("features_background").runtime,
        gpu=PLAN.features_gpu,
    params:
        root=PLAN.media_roots(PLAN.null_side),
        settings=PLAN.settings("features", "null"),
    message:
        "Frame vectors and flow of clips that the corpus lacks"
    script:
        "../scripts/features_background.py"
