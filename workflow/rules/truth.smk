# Stage `truth`: the verdicts held against what was planted.


rule truth:
    input:
        made="results/{audit}/corpus/made",
        metrics="results/{audit}/metrics/{model}.parquet",
        videos=lambda w: PLAN.tables("generate", w.model, "videos"),
        prompts="results/{audit}/prompts/prompts.parquet",
        replay=lambda w: (
            [PLAN.videos_folder(w.model)] if w.model in PLAN.of_kind("replay") else []
        ),
    output:
        "results/{audit}/truth/{model}.parquet",
    log:
        "results/{audit}/logs/truth/{model}.log",
    benchmark:
        "results/{audit}/benchmarks/truth/{model}.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.known),
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("truth").mem_mb,
        runtime=PLAN.ask("truth").runtime,
    params:
        settings=lambda w: PLAN.settings("truth", w.model),
    message:
        "Verdicts about {wildcards.model} against the planted truth"
    script:
        "../scripts/truth.py"


rule effective_size:
    input:
        PLAN.effective_size_inputs(),
    output:
        "results/{audit}/truth/effective-size.parquet",
    log:
        "results/{audit}/logs/truth/effective-size.log",
    benchmark:
        "results/{audit}/benchmarks/truth/effective-size.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("effective_size").mem_mb,
        runtime=PLAN.ask("effective_size").runtime,
    params:
        families=PLAN.sized,
        settings={"memorised_share": PLAN.audit.truth.memorised_share},
    message:
        "How many clips a planted model memorises"
    script:
        "../scripts/effective_size.py"
