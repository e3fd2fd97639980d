# Stage `retrieve`: nearest neighbours of every video in the whole corpus, by content and by motion.


rule retrieve:
    input:
        videos=lambda w: PLAN.tables("generate", w.model, "videos"),
        frames=lambda w: PLAN.tables("features", w.model, "frames"),
        flow=lambda w: PLAN.tables("features", w.model, "flow"),
        background_frames="results/{audit}/features/{model}/null.frames.parquet",
        background_flow="results/{audit}/features/{model}/null.flow.parquet",
        corpus_frames=PLAN.corpus_tables("frames"),
        corpus_flow=PLAN.corpus_tables("flow"),
        manifest="results/{audit}/corpus/corpus.parquet",
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
        mem_mb=lambda w, attempt: 4000 * attempt,
        runtime=lambda w, attempt: 120 * attempt,
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
        corpus_frames=PLAN.corpus_tables("frames"),
        corpus_flow=PLAN.corpus_tables("flow"),
        manifest="results/{audit}/corpus/corpus.parquet",
    output:
        "results/{audit}/retrieve/{model}.null.parquet",
    log:
        "results/{audit}/logs/retrieve/{model}.null.log",
    benchmark:
        "results/{audit}/benchmarks/retrieve/{model}.null.tsv"
    conda:
        "../../envs/search.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=lambda w, attempt: 4000 * attempt,
        runtime=lambda w, attempt: 120 * attempt,
    params:
        settings=PLAN.settings("retrieve"),
        threads=PLAN.audit.threads,
    message:
        "Scores of clips that can't be copies, for {wildcards.model}"
    script:
        "../scripts/retrieve_null.py"
