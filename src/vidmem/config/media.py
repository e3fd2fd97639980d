"""Bounds on files from outside: they are hostile until read."""

from __future__ import annotations

from pydantic import Field

from vidmem.config.base import Section


class Limits(Section):
    """Files beyond these bounds are skipped with the bound as the reason; none is ever cut silently."""

    max_bytes: int = Field(
        4 * 1024**3, gt=0, description="Largest file read, in bytes. Raise it for long uncompressed masters."
    )
    max_side: int = Field(
        8192, ge=16, description="Largest width or height, in pixels. Lower it to bound the decoder's memory."
    )
    max_duration_s: float = Field(
        600.0, gt=0, description="Longest video read, in seconds. Cut longer films into clips first."
    )
    max_frames: int = Field(36000, ge=1, description="Most frames decoded from one file.")
    max_decode_s: float = Field(
        600.0, gt=0, description="Most processor seconds spent on decoding one file; then the decoder is stopped."
    )
    max_memory_mb: int = Field(
        2048,
        ge=64,
        description="Most memory that decoding one file may take, in MB. Linux alone holds to it.",
    )
