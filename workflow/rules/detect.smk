# Stage `detect`: could it have been noticed while sampling?


rule detect:
    input:
        signals=lambda w: PLAN.tables("generate", w.model, "signals"),
        metrics="results/{audit}/metrics/{model}.parquet",
        passes=lambda w: PLAN.passes(w.model),
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
        mem_mb=PLAN.ask("detect").mem_mb,
        runtime=PLAN.ask("detect").runtime,
    params:
        settings=PLAN.settings("detect"),
    message:
        "Detectors of {wildcards.model}"
    script:
        "../scripts/detect.py"


# Asked for only where there are two models to take a threshold from one to the other.
rule detect_transfer:
    input:
        signals=[PLAN.tables("generate", m, "signals") for m in PLAN.sampled],
        metrics=expand("results/{{audit}}/metrics/{model}.parquet", model=PLAN.sampled),
    output:
        "results/{audit}/detect/transfer.parquet",
    log:
        "results/{audit}/logs/detect/transfer.log",
    benchmark:
        "results/{audit}/benchmarks/detect/transfer.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("detect_transfer").mem_mb,
        runtime=PLAN.ask("detect_transfer").runtime,
    params:
        models=PLAN.transfer_files(),
        settings={"version": PLAN.settings("detect")["version"]},
    message:
        "Thresholds of one model, put to another"
    script:
        "../scripts/detect_transfer.py"


# Asked for only where `detect.extra` asks for passes.
rule detect_passes:
    input:
        prompts=lambda w: PLAN.prompts_of(w.model, w.chunk),
        pipeline=lambda w: [PLAN.pipeline(w.model)] if w.model in PLAN.built else [],
        weights=lambda w: PLAN.weights(w.model),
    output:
        "results/{audit}/detect/{model}/{chunk}.passes.parquet",
    log:
        "results/{audit}/logs/detect/{model}/{chunk}.passes.log",
    benchmark:
        "results/{audit}/benchmarks/detect/{model}/{chunk}.passes.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.off_gpu(PLAN.passed)),
    conda:
        "../../envs/torch.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("detect_passes").mem_mb,
        runtime=PLAN.ask("detect_passes").runtime,
    params:
        settings=lambda w: PLAN.settings("detect", w.model),
        source=lambda w: PLAN.pipeline(w.model),
        max_loss=PLAN.audit.generate.max_loss,
        threads=PLAN.audit.threads,
    message:
        "Passes of {wildcards.model} over pure noise, chunk {wildcards.chunk}"
    script:
        "../scripts/detect_passes.py"


use rule detect_passes as detect_passes_gpu with:
    wildcard_constraints:
        model=PLAN.pattern(PLAN.on_gpu(PLAN.passed)),
    resources:
        mem_mb=PLAN.ask("detect_passes_gpu").mem_mb,
        runtime=PLAN.ask("detect_passes_gpu").runtime,
        gpu=1,
