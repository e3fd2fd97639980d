"""Stage `prompts`: which prompts are put to the models, derived from the corpus and ranked by risk."""

from vidmem.prompts.curate import curate, read_imported, write_prompts

__all__ = ["curate", "read_imported", "write_prompts"]
