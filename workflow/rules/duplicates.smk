# Stage `duplicates`: what stands more than once in the corpus, by captions, content and movement.


rule duplicates:
    input:
        manifest="results/{audit}/corpus/corpus.parquet",
        frames=PLAN.corpus_tables("frames"),
        flow=PLAN.corpus_tables("flow"),
        status=PLAN.corpus_tables("items"),
    output:
        "results/{audit}/duplicates/corpus.parquet",
    log:
        "results/{audit}/logs/duplicates/corpus.log",
    benchmark:
        "results/{audit}/benchmarks/duplicates/corpus.tsv"
    conda:
        "../../envs/captions.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("duplicates").mem_mb,
        runtime=PLAN.ask("duplicates").runtime,
    params:
        settings=PLAN.settings("duplicates"),
        threads=PLAN.audit.threads,
    message:
        "Duplicates within the corpus: captions, content, movement"
    script:
        "../scripts/duplicates.py"
