"""Adapter: features of one chunk of the corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.features import corpus_chunk, write_features

    number = int(snakemake.wildcards.chunk.rsplit("-", 1)[1])
    write_features(
        corpus_chunk(Path(snakemake.input.manifest), number, snakemake.params.chunks),
        root=snakemake.params.root,
        settings=snakemake.params.settings,
        threads=snakemake.threads,
        outputs={name: Path(path) for name, path in snakemake.output.items()},
    )
