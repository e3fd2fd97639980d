"""Stage `mitigate`: prompts that were answered with copies, asked again under remedies, and what came of it."""

from vidmem.mitigate.choose import write_choice
from vidmem.mitigate.compare import write_comparison
from vidmem.mitigate.reword import write_reworded

__all__ = ["write_choice", "write_comparison", "write_reworded"]
