# Stage `prompts`: which prompts are put to the models.


rule prompts:
    input:
        corpus="results/{audit}/corpus/corpus.parquet",
        duplicates=PLAN.duplicates,
        heldout=(
            ["results/{audit}/corpus/heldout.parquet"]
            if "heldout" in PLAN.sides
            else []
        ),
    output:
        table="results/{audit}/prompts/prompts.parquet",
        chunks=expand(
            "results/{{audit}}/prompts/chunks/{chunk}.parquet",
            chunk=PLAN.prompt_chunks(),
        ),
    log:
        "results/{audit}/logs/prompts/prompts.log",
    benchmark:
        "results/{audit}/benchmarks/prompts/prompts.tsv"
    conda:
        "../../envs/captions.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("prompts").mem_mb,
        runtime=PLAN.ask("prompts").runtime,
    params:
        chunks=PLAN.prompt_chunks(),
        settings=PLAN.settings("prompts"),
    message:
        "Curating prompts"
    script:
        "../scripts/prompts.py"


# The prompts as a data set to be handed on: `snakemake results/<audit>/prompts/export`.
rule prompts_export:
    input:
        "results/{audit}/prompts/prompts.parquet",
    output:
        directory("results/{audit}/prompts/export"),
    log:
        "results/{audit}/logs/prompts/export.log",
    benchmark:
        "results/{audit}/benchmarks/prompts/export.tsv"
    conda:
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("prompts_export").mem_mb,
        runtime=PLAN.ask("prompts_export").runtime,
    params:
        version=PLAN.settings("prompts")["version"],
    message:
        "Writing the prompts as a data set"
    script:
        "../scripts/prompts_export.py"
