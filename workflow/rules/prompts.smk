# Stage `prompts`: which prompts are put to the models.


rule prompts:
    input:
        corpus="results/{audit}/corpus/corpus.parquet",
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
        "../../envs/core.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        chunks=PLAN.prompt_chunks(),
        settings=PLAN.settings("prompts"),
    message:
        "Curating prompts"
    script:
        "../scripts/prompts.py"
