"""Captions as they are kept: mojibake repaired, what is no text replaced, nothing shortened, and all of it said."""

from __future__ import annotations

import ftfy
from ftfy.badness import is_bad

from vidmem.corpus.listed import joined

LONG_CHARS = 10_000  # longer than any caption that a person writes; kept, for someone may have to look at it


def clean_caption(text: str | None) -> tuple[str | None, str | None]:
    """The caption, and what is to be said of it.

    Only text that was decoded in the wrong encoding is repaired (ftfy's `fix_encoding`); nothing else is tidied, for
    models saw the captions as they are.
    """
    if text is None:
        return None, None
    long = f"caption of {len(text)} characters, kept whole" if len(text) > LONG_CHARS else None
    if text.isascii() and "\x00" not in text:
        return text, long
    kept = text.replace("\x00", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    odd = "characters of the caption that are no text replaced" if kept != text else None
    fixed = ftfy.fix_encoding(kept) if is_bad(kept) else kept
    return fixed, joined("mojibake in the caption repaired" if fixed != kept else None, odd, long)
