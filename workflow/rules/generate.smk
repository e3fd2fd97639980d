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
        model=PLAN.pattern(PLAN.built),
    priority: 10  # the longest job of an audit that trains its model
    conda:
        "../../envs/torch.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("generate_build").mem_mb,
        runtime=PLAN.ask("generate_build").runtime,
    params:
        sides=PLAN.sides,
        settings=lambda w: PLAN.build_settings(w.model),
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
        model=PLAN.pattern(PLAN.of_kind("replay")),
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("generate_replay").mem_mb,
        runtime=PLAN.ask("generate_replay").runtime,
    params:
        sides=PLAN.sides,
        settings=lambda w: PLAN.build_settings(w.model),
    message:
        "Making originals, degraded copies and unrelated clips for {wildcards.model}"
    script:
        "../scripts/generate_replay.py"


# Weights go to the hub's own cache, which all audits share; the record says which, at which commit.
localrules:
    generate_fetch,  # compute nodes often reach no network


rule generate_fetch:
    output:
        "results/{audit}/generate/{model}/weights.json",
    log:
        "results/{audit}/logs/generate/{model}/fetch.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/fetch.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.fetched),
    retries: 2  # files that are whole are not fetched again
    conda:
        "../../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("generate_fetch").mem_mb,
        runtime=PLAN.ask("generate_fetch").runtime,
    params:
        parts=lambda w: PLAN.parts(w.model),
    message:
        "Fetching the weights of {wildcards.model} from the hub, or finding them in its cache"
    script:
        "../scripts/generate_fetch.py"


rule generate:
    input:
        prompts=lambda w: PLAN.prompts_of(w.model, w.chunk),
        pipeline=lambda w: PLAN.built_pipeline(w.model),
        weights=lambda w: PLAN.weights(w.model),
        manifest=lambda w: PLAN.images_manifest(w.model),
        references=lambda w: PLAN.references(w.model),
    output:
        shard="results/{audit}/generate/{model}/{chunk}.tar",
        videos="results/{audit}/generate/{model}/{chunk}.videos.parquet",
        signals="results/{audit}/generate/{model}/{chunk}.signals.parquet",
    log:
        "results/{audit}/logs/generate/{model}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/{chunk}.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.off_gpu(PLAN.sampled), branches=True),
    conda:
        "../../envs/torch.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("generate").mem_mb,
        runtime=PLAN.ask("generate").runtime,
    params:
        partial="results/{audit}/generate/{model}/{chunk}.partial",
        settings=lambda w: PLAN.settings("generate", w.model),
        source=lambda w: PLAN.pipeline(w.model),
        numbers=lambda w: PLAN.numbers(w.model, w.chunk),
        images_root=lambda w: PLAN.images_root(w.model),
        references_root=PLAN.media_roots("corpus"),
        threads=PLAN.audit.threads,
    message:
        "Sampling videos of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/generate.py"


# A rule of its own, for what is submitted as one array asks for one thing.
use rule generate as generate_gpu with:
    wildcard_constraints:
        model=PLAN.pattern(PLAN.on_gpu(PLAN.sampled), branches=True),
    resources:
        mem_mb=PLAN.ask("generate_gpu").mem_mb,
        runtime=PLAN.ask("generate_gpu").runtime,
        gpu=1,


rule generate_command:
    input:
        prompts=lambda w: PLAN.prompts_of(w.model, w.chunk),
        manifest=lambda w: PLAN.images_manifest(w.model),
    output:
        shard="results/{audit}/generate/{model}/{chunk}.tar",
        videos="results/{audit}/generate/{model}/{chunk}.videos.parquet",
        signals="results/{audit}/generate/{model}/{chunk}.signals.parquet",
    log:
        "results/{audit}/logs/generate/{model}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/generate/{model}/{chunk}.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.commands, branches=True),
    conda:
        "../../envs/media.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("generate_command").mem_mb,
        runtime=PLAN.ask("generate_command").runtime,
        gpu=lambda w: PLAN.needs_gpu(w.model),
    params:
        partial="results/{audit}/generate/{model}/{chunk}.partial",
        settings=lambda w: PLAN.settings("generate", w.model),
        numbers=lambda w: PLAN.numbers(w.model, w.chunk),
        images_root=lambda w: PLAN.images_root(w.model),
    message:
        "Your command makes videos of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/generate_command.py"


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
        model=PLAN.pattern(PLAN.folders),
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("generate_folder").mem_mb,
        runtime=PLAN.ask("generate_folder").runtime,
    params:
        chunks=lambda w: PLAN.chunks(w.model),
        folder=lambda w: PLAN.videos_folder(w.model),
        prompts=lambda w: PLAN.videos_prompts(w.model),
        settings=lambda w: PLAN.settings("generate", w.model),
    message:
        "Reading the videos of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/generate_folder.py"
