"""The tiny pipelines under the names that older tests import."""

from __future__ import annotations

from pipelines.modelscope import build as modelscope

__all__ = ["modelscope"]
