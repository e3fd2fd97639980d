"""A version a stage, raised when its results would change.

The version is a `params` value of the stage's rules, so raising it makes Snakemake rerun the stage and what
follows it, while an edit that leaves results alone reruns nothing.
"""

from __future__ import annotations

STAGE_VERSIONS: dict[str, int] = {
    "corpus": 3,
    "duplicates": 1,
    "prompts": 2,
    "generate": 3,
    "features": 4,
    "retrieve": 3,
    "metrics": 2,
    "detect": 4,
    "truth": 2,
    "mitigate": 1,  # which prompts are asked again under remedies
    "compare": 1,  # what came of it
    "report": 4,
}
