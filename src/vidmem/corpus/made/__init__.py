"""The demo's corpus, made by the workflow: real shots and rendered clips whose repetition and motion are planned."""

from vidmem.corpus.made.make import make_corpus
from vidmem.corpus.made.render import CAMERAS, render_clip

__all__ = ["CAMERAS", "make_corpus", "render_clip"]
