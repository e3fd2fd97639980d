"""ModelScope's text-to-video U-Net; ZeroScope is a finetune of it, and VideoCrafter2's weights were converted to it."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="modelscope",
    title="ModelScope",
    pipelines=("TextToVideoSDPipeline",),
    layout="one batch, unconditional first",
    prediction="ε",
    denoisers=("unet",),
)
