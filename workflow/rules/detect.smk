# Stage `detect`: could it have been noticed while sampling?


rule detect:
    input:
        signals=lambda w: PLAN.tables("generate", w.model, "signals"),
        metrics="results/{audit}/metrics/{model}.parquet",
    output:
        "results/{audit}/detect/{model}.parquet",
    log:
        "results/{audit}/logs/detect/{model}.log",
    benchmark:
        "results/{audit}/benchmarks/detect/{model}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=30,
    params:
        settings=PLAN.settings("detect"),
    message:
        "Detectors of {wildcards.model}"
    script:
        "../scripts/detect.py"
