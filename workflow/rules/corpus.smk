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
            "../../envs/media.yaml"
        threads: PLAN.audit.threads
        resources:
            mem_mb=PLAN.ask("corpus_make").mem_mb,
            runtime=PLAN.ask("corpus_make").runtime,
        params:
            threads=PLAN.audit.threads,
            version=PLAN.settings("corpus")["version"],
        message:
            "Making the corpus of audit {wildcards.audit}: real shots and rendered clips"
        script:
            "../scripts/corpus_make.py"


# What there is: no file is opened, and a table or a shard is read as a stream.
rule corpus_list:
    input:
        PLAN.made_inputs,
    output:
        "results/{audit}/corpus/{side}/listing.parquet",
    log:
        "results/{audit}/logs/corpus/{side}/listing.log",
    benchmark:
        "results/{audit}/benchmarks/corpus/{side}/listing.tsv"
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("corpus_list").mem_mb,
        runtime=PLAN.ask("corpus_list").runtime,
    params:
        joined=lambda w: PLAN.joined(w.side),
        settings=lambda w: {
            key: PLAN.settings("corpus", w.side)[key] for key in ("version", "sources")
        },
    message:
        "Listing the {wildcards.side} clips"
    script:
        "../scripts/corpus_list.py"


# What the files hold, and whether they are whole: each is decoded once.
rule corpus_probe:
    input:
        listing="results/{audit}/corpus/{side}/listing.parquet",
    output:
        "results/{audit}/corpus/{side}/{chunk}.parquet",
    log:
        "results/{audit}/logs/corpus/{side}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/corpus/{side}/{chunk}.tsv"
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("corpus_probe").mem_mb,
        runtime=PLAN.ask("corpus_probe").runtime,
    params:
        chunks=len(PLAN.manifest_chunks()),
        root=lambda w: PLAN.media_roots(w.side),
        settings=lambda w: {
            key: PLAN.settings("corpus", w.side)[key] for key in ("version", "limits")
        },
    message:
        "Reading the {wildcards.side} clips, chunk {wildcards.chunk}"
    script:
        "../scripts/corpus_probe.py"


rule corpus_manifest:
    input:
        lambda w: PLAN.manifest_parts(w.side),
    output:
        "results/{audit}/corpus/{side}.parquet",
    log:
        "results/{audit}/logs/corpus/{side}.log",
    benchmark:
        "results/{audit}/benchmarks/corpus/{side}.tsv"
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("corpus_manifest").mem_mb,
        runtime=PLAN.ask("corpus_manifest").runtime,
    params:
        settings=lambda w: {
            key: PLAN.settings("corpus", w.side)[key]
            for key in ("version", "max_loss")
        },
    message:
        "Putting the manifest of the {wildcards.side} clips together"
    script:
        "../scripts/corpus_manifest.py"
