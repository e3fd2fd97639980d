# Stage `retrieve`: nearest neighbours of every video in the whole corpus, by content and by motion.


# Indices of all chunks of the corpus; none for an exact search.
CORPUS_INDICES = {
    kind: [
        f"results/{{audit}}/retrieve/corpus/{chunk}.{kind}.index"
        for chunk in PLAN.corpus_chunks()
        if PLAN.audit.retrieve.index != "exact"
    ]
    for kind in ("content", "motion")
}


# Asked for only where `retrieve.index` is not `exact`.
rule index_corpus:
    input:
        frames="results/{audit}/features/corpus/{chunk}.frames.parquet",
        flow="results/{audit}/features/corpus/{chunk}.flow.parquet",
    output:
        content="results/{audit}/retrieve/corpus/{chunk}.content.index",
        motion="results/{audit}/retrieve/corpus/{chunk}.motion.index",
    log:
        "results/{audit}/logs/retrieve/corpus/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/retrieve/corpus/{chunk}.tsv"
    conda:
        "../../envs/search.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("index_corpus").mem_mb,
        runtime=PLAN.ask("index_corpus").runtime,
    params:
        settings={
            key: PLAN.settings("retrieve")[key]
            for key in ("version", "index", "window", "floor", "grid")
        },
    message:
        "Indices of the corpus, chunk {wildcards.chunk}"
    script:
        "../scripts/retrieve_index.py"


rule retrieve:
    input:
        videos=lambda w: PLAN.tables("generate", w.model, "videos"),
        frames=lambda w: PLAN.tables("features", w.model, "frames"),
        flow=lambda w: PLAN.tables("features", w.model, "flow"),
        background_frames=PLAN.background_tables("frames"),
        background_flow=PLAN.background_tables("flow"),
        corpus_frames=PLAN.corpus_tables("frames"),
        corpus_flow=PLAN.corpus_tables("flow"),
        manifest="results/{audit}/corpus/corpus.parquet",
        content_indices=CORPUS_INDICES["content"],
        motion_indices=CORPUS_INDICES["motion"],
    output:
        "results/{audit}/retrieve/{model}.parquet",
    log:
        "results/{audit}/logs/retrieve/{model}.log",
    benchmark:
        "results/{audit}/benchmarks/retrieve/{model}.tsv"
    conda:
        "../../envs/search.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("retrieve").mem_mb,
        runtime=PLAN.ask("retrieve").runtime,
    params:
        settings=PLAN.settings("retrieve"),
        threads=PLAN.audit.threads,
    message:
        "Searching the corpus for what {wildcards.model} made"
    script:
        "../scripts/retrieve.py"


rule retrieve_null:
    input:
        frames="results/{audit}/features/{model}/null.frames.parquet",
        flow="results/{audit}/features/{model}/null.flow.parquet",
        background_frames=PLAN.background_tables("frames"),
        background_flow=PLAN.background_tables("flow"),
        corpus_frames=PLAN.corpus_tables("frames"),
        corpus_flow=PLAN.corpus_tables("flow"),
        manifest="results/{audit}/corpus/corpus.parquet",
        content_indices=CORPUS_INDICES["content"],
        motion_indices=CORPUS_INDICES["motion"],
    output:
        "results/{audit}/retrieve/{model}.null.parquet",
    log:
        "results/{audit}/logs/retrieve/{model}.null.log",
    benchmark:
        "results/{audit}/benchmarks/retrieve/{model}.null.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.models),
    conda:
        "../../envs/search.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("retrieve_null").mem_mb,
        runtime=PLAN.ask("retrieve_null").runtime,
    params:
        settings=PLAN.settings("retrieve"),
        threads=PLAN.audit.threads,
    message:
        "Scores of clips that can't be copies, for {wildcards.model}"
    script:
        "../scripts/retrieve_null.py"
