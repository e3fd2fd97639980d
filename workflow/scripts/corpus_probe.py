"""Adapter: read the files of one chunk of a corpus."""

from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.config.media import Limits
    from vidmem.corpus import write_probed

    params = snakemake.params
    write_probed(
        Path(snakemake.input.listing),
        int(snakemake.wildcards.chunk.rsplit("-", 1)[1]),
        params.chunks,
        params.root,
        Limits(**params.settings["limits"]),
        Path(snakemake.output[0]),
    )
