# Stage `metrics`: one row a generated video, with every score, p-value and verdict.


rule metrics_model:
    input:
        videos=lambda w: PLAN.tables("generate", w.model, "videos"),
        status=lambda w: PLAN.tables("features", w.model, "items"),
        frames=lambda w: PLAN.tables("features", w.model, "frames"),
        flow=lambda w: PLAN.tables("features", w.model, "flow"),
        matches="results/{audit}/retrieve/{model}.parquet",
        null_matches=lambda w: PLAN.null_matches(w.model),
        prompts="results/{audit}/prompts/prompts.parquet",
    output:
        "results/{audit}/metrics/{model}.parquet",
    log:
        "results/{audit}/logs/metrics/{model}.log",
    benchmark:
        "results/{audit}/benchmarks/metrics/{model}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("metrics_model").mem_mb,
        runtime=PLAN.ask("metrics_model").runtime,
    params:
        settings=PLAN.settings("metrics"),
    message:
        "Scores and verdicts of {wildcards.model}"
    script:
        "../scripts/metrics_model.py"
