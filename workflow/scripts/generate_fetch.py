"""Adapter: fetch a model's weights into the hub's cache, and record which."""

import json
from pathlib import Path

from vidmem.joblog import log_to

with log_to(snakemake.log[0]):
    from vidmem.generate.adapter import fetch_model

    record = fetch_model(*snakemake.params.parts)
    Path(snakemake.output[0]).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
