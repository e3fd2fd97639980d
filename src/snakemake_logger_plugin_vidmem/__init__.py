"""The logger `snakemake --logger vidmem`: on a terminal a line a rule with jobs done of all, their rate, and time left.

It is the logger `rich`, whose bars have a percentage and the time gone by alone. It lies beside the library, not in it,
since it is a part of Snakemake's process; what a job itself has done stands in its log (`vidmem.progress`).
"""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TaskID, TextColumn
from rich.text import Text
from snakemake_logger_plugin_rich import LogHandler as RichHandler  # type: ignore[import-untyped]


class LogHandler(RichHandler):  # type: ignore[misc] # the package bears no types
    """Snakemake's events on a terminal, with the columns of this project's own progress."""

    def __post_init__(self) -> None:
        """Set up the display, then what each of its lines says."""
        super().__post_init__()
        bar = BarColumn(bar_width=None, complete_style="green", finished_style="dim green")
        name = TextColumn("[bold blue]{task.description}")
        self.progress.columns = (name, bar, MofNCompleteColumn(), Pace())


class Pace(ProgressColumn):
    """Jobs a second, or a minute where they are longer, and the time until all of a line are done; at the end its time.

    A line is counted from when it is first shown, which is when its first job begins: those of later stages are known
    from the start, and wait.
    """

    def __init__(self) -> None:
        super().__init__()
        self._begun: dict[TaskID, float] = {}
        self._ended: dict[TaskID, float] = {}

    def render(self, task: Task) -> Text:
        """What is said of one line."""
        now = task.get_time()
        begun = self._begun.setdefault(task.id, now)
        if task.finished:
            return Text(f"in {clock(self._ended.setdefault(task.id, now) - begun)}", style="dim")
        self._ended.pop(task.id, None)  # a finished line may get new jobs
        rate = task.completed / (now - begun) if now > begun else 0.0
        if not rate or task.total is None:
            return Text("-:--:-- left", style="cyan")
        said = f"{rate:.1f}/s" if rate >= 0.1 else f"{60 * rate:.1f}/min"
        return Text(f"{said}, {clock((task.total - task.completed) / rate)} left", style="cyan")


def clock(seconds: float) -> str:
    """Hours, minutes and seconds, `h:mm:ss`."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
