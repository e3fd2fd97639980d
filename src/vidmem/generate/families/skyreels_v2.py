"""SkyReels-V2's plain text-to-video pipeline; see `skyreels_v2_forcing` for the other one."""

from __future__ import annotations

from vidmem.generate.families.base import Family

FAMILY = Family(
    name="skyreels-v2",
    title="SkyReels V2",
    pipelines=("SkyReelsV2Pipeline",),
    layout="two calls, conditional first",
    prediction="flow velocity",
    frames_multiple=4,
    size_multiple=16,
)
