# Stage `mitigate`: the prompts that a model answered with copies, asked again under remedies. A model under a remedy is
# a branch, which goes through the other stages under a name of its own.


rule mitigate_prompts:
    input:
        metrics="results/{audit}/metrics/{model}.parquet",
        prompts="results/{audit}/prompts/prompts.parquet",
    output:
        table="results/{audit}/mitigate/{model}.prompts.parquet",
        chunks=expand(
            "results/{{audit}}/mitigate/{{model}}/{chunk}.prompts.parquet",
            chunk=PLAN.asked_chunks(),
        ),
    log:
        "results/{audit}/logs/mitigate/{model}.prompts.log",
    benchmark:
        "results/{audit}/benchmarks/mitigate/{model}.prompts.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.mitigated),
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("mitigate_prompts").mem_mb,
        runtime=PLAN.ask("mitigate_prompts").runtime,
    params:
        chunks=PLAN.asked_chunks(),
        settings=lambda w: PLAN.settings("mitigate", w.model),
    message:
        "Choosing the prompts of {wildcards.model} that are asked again under remedies"
    script:
        "../scripts/mitigate_prompts.py"


rule mitigate_reword:
    input:
        lambda w: (
            f"results/{{audit}}/mitigate/{PLAN.base(w.model)}/{{chunk}}.prompts.parquet"
        ),
    output:
        "results/{audit}/mitigate/{model}/{chunk}.prompts.parquet",
    log:
        "results/{audit}/logs/mitigate/{model}/{chunk}.log",
    benchmark:
        "results/{audit}/benchmarks/mitigate/{model}/{chunk}.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.reworded),
    conda:
        "../../envs/media.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("mitigate_reword").mem_mb,
        runtime=PLAN.ask("mitigate_reword").runtime,
    params:
        settings=lambda w: PLAN.settings("mitigate", w.model),
    message:
        "Other words for the prompts of {wildcards.model}, chunk {wildcards.chunk}"
    script:
        "../scripts/mitigate_reword.py"


rule mitigate:
    input:
        made=PLAN.made_inputs,
        manifest="results/{audit}/corpus/corpus.parquet",
        corpus_frames=PLAN.corpus_tables("frames"),
        prompts="results/{audit}/mitigate/{model}.prompts.parquet",
        files=lambda w: PLAN.compared_tables(w.model),
    output:
        "results/{audit}/mitigate/{model}.parquet",
    log:
        "results/{audit}/logs/mitigate/{model}.log",
    benchmark:
        "results/{audit}/benchmarks/mitigate/{model}.tsv"
    wildcard_constraints:
        model=PLAN.pattern(PLAN.mitigated),
    conda:
        "../../envs/captions.yaml"
    threads: PLAN.audit.threads
    resources:
        mem_mb=PLAN.ask("mitigate").mem_mb,
        runtime=PLAN.ask("mitigate").runtime,
    params:
        files=lambda w: PLAN.mitigate_files(w.model),
        settings=lambda w: PLAN.settings("compare", w.model),
    message:
        "What remedies did to the videos of {wildcards.model}"
    script:
        "../scripts/mitigate.py"
