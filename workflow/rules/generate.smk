# Stage `generate`: videos of every model, and what its denoiser said while sampling.


rule generate_build:
    input:
        made="results/{audit}/corpus/made",
        prompts="results/{audit}/prompts/prompts.parquet",
        manifests=expand("results/{{audit}}/corpus/{side}.parquet", side=PLAN.sides),
    output:
        directory("results/{audit}/generate/{model}/pipeline"),
    log:
        "results/{audit}/logs/generate/{model}/build.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/build.tsv"
    wildcard_constraints:
        model="|".join(PLAN.built) or "(?!)",
    priority: 10  # the longest job of an audit that trains its model
    conda:
        "../../envs/torch.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        sides=PLAN.sides,
        settings=lambda w: PLAN.settings("generate", w.model),
        threads=PLAN.audit.threads,
    message:
        "Making the model {wildcards.model}, whose memorisation is known"
    script:
        "../scripts/generate_build.py"


rule generate_replay:
    input:
        made="results/{audit}/corpus/made",
        manifests=expand("results/{{audit}}/corpus/{side}.parquet", side=PLAN.sides),
    output:
        directory("results/{audit}/generate/{model}/folder"),
    log:
        "results/{audit}/logs/generate/{model}/build.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/build.tsv"
    wildcard_constraints:
        model="|".join(PLAN.of_kind("replay")) or "(?!)",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        sides=PLAN.sides,
        settings=lambda w: PLAN.settings("generate", w.model),
    message:
        "Making originals, degraded copies and unrelated clips for {wildcards.model}"
    script:
        "../scripts/generate_replay.py"


rule generate:
    input:
        prompts="results/{audit}/prompts/chunks/{chunk}.parquet",
        pipeline=lambda w: [PLAN.pipeline(w.model)] if w.model in PLAN.built else [],
    output:
        shard="results/{audit}/generate/{model}/{chunk}.tar",
        videos="results/{audit}/generate/{model}/{chunk}.videos.parquet",
        signals="results/{audit}/generate/{model}/{chunk}.signals.parquet",
    log:
        "results/{audit}/logs/generate/{model}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/{chunk}.tsv"
    wildcard_constraints:
        model="|".join(PLAN.sampled) or "(?!)",
    conda:
        "../../envs/torch.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=lambda w, attempt: PLAN.generate_memory_mb(w.model, attempt),
        runtime=lambda w, attempt: 240 * attempt,
        gpu=lambda w: PLAN.needs_gpu(w.model),
    params:
        partial="results/{audit}/generate/{model}/{chunk}.partial",
        settings=lambda w: PLAN.settings("generate", w.model),
        source=lambda w: PLAN.pipeline(w.model),
        threads=PLAN.audit.threads,
    message:
        "Sampling videos of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/generate.py"


rule generate_folder:
    input:
        lambda w: (
            [PLAN.videos_folder(w.model)] if w.model in PLAN.of_kind("replay") else []
        ),
    output:
        videos="results/{audit}/generate/{model}/{chunk}.videos.parquet",
        signals="results/{audit}/generate/{model}/{chunk}.signals.parquet",
    log:
        "results/{audit}/logs/generate/{model}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/{chunk}.tsv"
    wildcard_constraints:
        model="|".join(PLAN.folders) or "(?!)",
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=lambda w, attempt: 60 * attempt,
    params:
        chunks=lambda w: PLAN.chunks(w.model),
        folder=lambda w: PLAN.videos_folder(w.model),
        prompts=lambda w: PLAN.videos_prompts(w.model),
        settings=lambda w: PLAN.settings("generate", w.model),
    message:
        "Reading the videos of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/generate_folder.py"
