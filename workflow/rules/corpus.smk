# Stage `corpus`: the reference corpus as one manifest.


if PLAN.made:

    rule corpus_make:
        output:
            directory("results/{audit}/corpus/made"),
        log:
            "results/{audit}/logs/corpus/make.log",
        benchmark:
            "results/{audit}/benchmarks/corpus/make.tsv"
        conda:
            "../../envs/core.yaml"
        threads: PLAN.audit.threads
        resources:
            mem_mb=2000,
            runtime=20,
        params:
            threads=PLAN.audit.threads,
            version=PLAN.settings("corpus")["version"],
        message:
            "Making the corpus of audit {wildcards.audit}: real shots and rendered clips"
        script:
            "../scripts/corpus_make.py"


rule corpus_manifest:
    input:
        PLAN.made_inputs,
    output:
        "results/{audit}/corpus/{side}.parquet",
    log:
        "results/{audit}/logs/corpus/{side}.log",
    benchmark:
        "results/{audit}/benchmarks/corpus/{side}.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        folder=lambda w: PLAN.media_folder(w.side),
        settings=lambda w: PLAN.settings("corpus", w.side),
    message:
        "Reading the {wildcards.side} clips"
    script:
        "../scripts/corpus_manifest.py"
