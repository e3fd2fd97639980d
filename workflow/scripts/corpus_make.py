"""Adapter: make the demo's corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.corpus.made import make_corpus

    make_corpus(Path(snakemake.output[0]), threads=snakemake.params.threads)
