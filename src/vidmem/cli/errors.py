"""How the command ends: with one line for what can't be done, and an exit code that scripts can tell apart."""

from __future__ import annotations

OK = 0
CANNOT = 1  # what was given can't be used; one line on standard error says why
USAGE = 2  # the command line itself is wrong; given by the parser of options
MISSING = 3  # `check`: the config is right, and something that it needs is not here
INTERRUPTED = 130  # Ctrl-C


class Failure(ValueError):
    """What was given can't be used. The message is one line, for the person who gave it."""


def one_line(error: BaseException) -> str:
    """An exception's message on one line; its kind where it has none."""
    return plain(str(error)) or type(error).__name__


def plain(text: str) -> str:
    """Text from outside on one line, without what steers a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
