# Stage `report`: what people read.


# This audit's rows of the table model x dataset. They know no other audit, so that audits may name each other in
# `report.beside`: a report that is written again changes no other's.
rule report_dataset:
    input:
        metrics=expand("results/{{audit}}/metrics/{model}.parquet", model=PLAN.models),
        detect=expand("results/{{audit}}/detect/{model}.parquet", model=PLAN.models),
    output:
        "results/{audit}/dataset.parquet",
    log:
        "results/{audit}/logs/report/dataset.log",
    benchmark:
        "results/{audit}/benchmarks/report/dataset.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("report_dataset").mem_mb,
        runtime=PLAN.ask("report_dataset").runtime,
    params:
        models=PLAN.models,
        settings=PLAN.dataset_settings(),
    message:
        "Rows of audit {wildcards.audit} in the table model x dataset"
    script:
        "../scripts/report_dataset.py"


rule report:
    input:
        manifest="results/{audit}/corpus/corpus.parquet",
        made=PLAN.made_inputs,
        duplicates=PLAN.duplicates,
        prompts="results/{audit}/prompts/prompts.parquet",
        videos=[PLAN.tables("generate", m, "videos") for m in PLAN.models],
        signals=[PLAN.tables("generate", m, "signals") for m in PLAN.models],
        status=[PLAN.tables("features", m, "items") for m in PLAN.models],
        flow=[PLAN.tables("features", m, "flow") for m in PLAN.models],
        corpus_features=[PLAN.corpus_tables(s) for s in ("frames", "flow", "items")],
        retrieve=expand("results/{{audit}}/retrieve/{model}.parquet", model=PLAN.models),
        metrics=expand("results/{{audit}}/metrics/{model}.parquet", model=PLAN.models),
        detect=expand("results/{{audit}}/detect/{model}.parquet", model=PLAN.models),
        transfer=PLAN.transfer(),
        truth=expand("results/{{audit}}/truth/{model}.parquet", model=PLAN.known),
        effective_size=PLAN.effective_size(),
        dataset="results/{audit}/dataset.parquet",
        beside=PLAN.beside(),
        mitigate=expand(
            "results/{{audit}}/mitigate/{model}.parquet", model=PLAN.mitigated
        ),
        mitigated=[PLAN.compared_tables(m) for m in PLAN.mitigated],
        compare=PLAN.other_verdicts(),
    output:
        page=report(
            directory("results/{audit}/report"),
            htmlindex="index.html",
            caption="../report/page.rst",
            category="Report",
            labels={"audit": "{audit}", "what": "the report"},
        ),
        summary=report(
            "results/{audit}/summary.json",
            caption="../report/summary.rst",
            category="Report",
            labels={"audit": "{audit}", "what": "summary.json"},
        ),
        figures=report(
            directory("results/{audit}/figures"),
            patterns=["{figure}.svg"],
            caption="../report/figure.rst",
            category="Figures",
            labels={"figure": "{figure}"},
        ),
        tables=report(
            directory("results/{audit}/tables"),
            patterns=["{table}.csv"],
            caption="../report/table.rst",
            category="Tables",
            labels={"table": "{table}"},
        ),
    log:
        "results/{audit}/logs/report/report.log",
    benchmark:
        "results/{audit}/benchmarks/report/report.tsv"
    conda:
        "../../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=PLAN.ask("report").mem_mb,
        runtime=PLAN.ask("report").runtime,
    params:
        files=PLAN.report_files(),
        settings=PLAN.settings("report"),
    message:
        "Writing the report of audit {wildcards.audit}"
    script:
        "../scripts/report.py"
