"""Stage `prompts`: which prompts are put to the models, derived from the corpus and ranked by risk."""

from vidmem.prompts.curate import curate
from vidmem.prompts.write import write_prompts

__all__ = ["curate", "write_prompts"]
