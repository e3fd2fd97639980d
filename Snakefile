# vidmem: an audit of video diffusion models for memorised training data.
#
# Results-path grammar (one stage, one name, everywhere):
#   results/<audit>/<stage>/<subject>/<chunk>.<ext>   subject = a model's name or `corpus`
#   results/<audit>/<stage>/<subject>.parquet         a stage that is not cut into chunks
#   results/<audit>/{logs,benchmarks}/<stage>/...     mirror it
#   results/<audit>/{dataset.parquet,summary.json}    what other audits, and other tools, read
#
# Named targets: `all` (the report), `features`, `metrics`; one model's branch by its file:
#   snakemake --cores 8 results/<audit>/metrics/<model>.parquet


# The demo, unless another config is given: Snakemake would mix the two.
if not workflow.configfiles:

    configfile: "config/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/corpus.smk"
include: "workflow/rules/duplicates.smk"
include: "workflow/rules/prompts.smk"
include: "workflow/rules/generate.smk"
include: "workflow/rules/features.smk"
include: "workflow/rules/retrieve.smk"
include: "workflow/rules/metrics.smk"
include: "workflow/rules/detect.smk"
include: "workflow/rules/truth.smk"
include: "workflow/rules/mitigate.smk"
include: "workflow/rules/report.smk"


report: "workflow/report/workflow.rst"


rule all:
    default_target: True
    input:
        PLAN.targets(),


rule features:
    input:
        expand(PLAN.corpus_tables("frames"), audit=PLAN.name),
        [
            expand(PLAN.tables("features", m, "frames"), audit=PLAN.name)
            for m in PLAN.models
        ],


rule metrics:
    input:
        expand(
            "results/{audit}/metrics/{model}.parquet",
            audit=PLAN.name,
            model=PLAN.models,
        ),
