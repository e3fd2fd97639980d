"""The command `vidmem`: options, questions and answers. What is done stands in the modules that it imports."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vidmem.cli import errors, examples
from vidmem.cli.errors import Failure, one_line


class Commands(TyperGroup):
    """The commands, of which a failure is one line on standard error."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Failure as error:
            typer.echo(f"vidmem: {one_line(error)}", err=True)
            raise typer.Exit(errors.CANNOT) from None
        except (KeyboardInterrupt, typer.Abort):
            raise typer.Exit(errors.INTERRUPTED) from None


app = typer.Typer(
    cls=Commands,
    name="vidmem",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog=examples.ALL,
    help="Has a video diffusion model memorised its training data? An audit is a workflow, run by snakemake; these "
    "commands are for what is none: begin a config (init), see what it would run and take (check), compare two videos "
    "(compare), search an audit's corpus for a video (search), read the report (open).",
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
AuditFolder = Annotated[Path, typer.Argument(help="The folder of an audit: results/<audit>.", metavar="RESULTS")]


def _models(ctx: typer.Context, incomplete: str) -> list[str]:
    """For completion: the models of the audit that was named already."""
    named = ctx.params.get("audit") or next(iter(ctx.args), None)  # arguments are not told apart while one is typed
    folder = Path(named or ".") / "metrics"
    return [p.stem for p in sorted(folder.glob(f"{incomplete}*.parquet")) if "." not in p.stem]


def _presets(incomplete: str) -> list[str]:
    """For completion: the names of the registry."""
    from vidmem.config.registry import read_registry

    return [name for name in read_registry() if name.startswith(incomplete)]


ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="Put scores beside the thresholds of this model alone.",
        metavar="NAME",
        autocompletion=_models,
    ),
]


def main(arguments: list[str] | None = None) -> None:
    """Run the command and end the process with its exit code."""
    app(args=arguments, prog_name="vidmem")


def _version(asked: bool) -> None:
    if asked:
        from vidmem import __version__

        typer.echo(f"vidmem {__version__}")
        raise typer.Exit(errors.OK)


@app.callback()
def top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """What stands before a command."""


def _paragraphs(text: str) -> str:
    """A text whose lines are as long as the terminal is wide: those of the code are not."""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


@app.command(epilog=examples.OF["init"])
def init(
    name: Annotated[str | None, typer.Option(help="Name of the audit; results go to results/NAME/.")] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the training data: videos or images with or without a table of captions, WebVid's table "
            "and videos, tars, or Parquet; it is looked at, and needs not be said."
        ),
    ] = None,
    captions: Annotated[Path | None, typer.Option(help="Table of captions, where it lies elsewhere.")] = None,
    heldout: Annotated[
        Path | None, typer.Option(help="Folder of clips like those that the model can't have seen.")
    ] = None,
    videos: Annotated[
        list[str] | None,
        typer.Option(help="Folder of videos that a model made. Once for each model.", metavar="[NAME=]FOLDER"),
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Model to sample from: a preset of config/models.yaml, alone or with @FOLDER or @COMMIT; a diffusers "
            "folder; or OWNER/NAME@COMMIT of the hub. Once for each model.",
            metavar="[NAME=]SOURCE",
            autocompletion=_presets,
        ),
    ] = None,
    out: Annotated[
        str | None, typer.Option(help="File to write, - for standard output; left out: config/NAME.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json: Json = False,
) -> None:
    """Write a commented config for your folders and models: asks on a terminal, or takes flags.

    What is written passes `vidmem check`.
    """
    from vidmem.cli.asking import ask
    from vidmem.cli.begin import answers, config_text, write_config

    if corpus is None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise typer.BadParameter("is needed where nobody can be asked (no terminal)", param_hint="--corpus")
        wanted = ask(name, captions, heldout, videos or [], model or [])
    else:
        wanted = answers(
            name or "mine", corpus, captions=captions, heldout=heldout, videos=videos or [], models=model or []
        )
    typer.echo(f"corpus: {wanted.corpus.says}", err=True)
    path = Path(out) if out else Path("config") / f"{wanted.audit}.yaml"
    text = config_text(wanted, "THIS_FILE" if out == "-" else str(path))
    if out != "-":
        write_config(text, path, force)
        typer.echo(f"wrote {path}\nnext: vidmem check {shlex.quote(str(path))}", err=True)
    if json:
        from vidmem.cli import show

        typer.echo(show.as_json({**asdict(wanted), "file": None if out == "-" else str(path), "text": text}))
    elif out == "-":
        typer.echo(text, nl=False)


@app.command(epilog=examples.OF["check"])
def check(
    config: Annotated[Path, typer.Argument(help="The config file of an audit.", metavar="CONFIG")],
    jobs: Annotated[
        bool, typer.Option("--jobs/--no-jobs", help="Ask the workflow what would run now; takes some seconds.")
    ] = True,
    json: Json = False,
) -> None:
    """Say what an audit would run and take, and what is missing, before anything runs."""
    from vidmem.cli import check as checking
    from vidmem.cli import show
    from vidmem.plan.cost import lines

    if jobs and sys.stderr.isatty():
        typer.echo("asking the workflow what would run ...", err=True)
    result = checking.check(config, jobs=jobs)
    said = show.as_json(result.to_dict()) if json else show.checked(result, lines(checking.read_plan(config)))
    typer.echo(said)
    raise typer.Exit(errors.MISSING if result.missing else errors.OK)


@app.command(epilog=examples.OF["compare"])
def compare(
    a: Annotated[Path, typer.Argument(help="A video or image, such as a generated one.", metavar="A")],
    b: Annotated[Path, typer.Argument(help="Another, such as the training clip.", metavar="B")],
    audit: Annotated[
        Path | None,
        typer.Option(help="Put the scores beside the thresholds of an audit: results/<audit>.", metavar="RESULTS"),
    ] = None,
    model: ModelName = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture",
            "--out",
            help="Write a picture: frames, flow, similarity over time (.png, .webp, .jpg).",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare two videos: does a frame come back (content), or the movement, whatever it shows (motion)?

    Content is the copy-detection similarity of the two frames that are most alike. Motion is the similarity of the two
    windows of optical flow that are most alike, with the camera's part taken out. Both end at 1.
    """
    from vidmem.cli import show
    from vidmem.cli.compare import compare as compare_videos

    if model is not None and audit is None:
        raise typer.BadParameter("names a model of an audit: give --audit too", param_hint="--model")
    _check_picture(picture)
    result = compare_videos(a, b, audit=audit, model=model)
    drawn = None
    if picture is not None:
        from vidmem.cli.picture import draw

        drawn = draw(result, picture)
    _say(result.to_dict(), show.comparison(result), drawn, json)


def _check_picture(picture: Path | None) -> None:
    """Refuse a format that can't be written before seconds are spent."""
    if picture is not None:
        from vidmem.cli.canvas import check_suffix

        check_suffix(picture)


def _say(data: dict[str, Any], text: str, picture: Path | None, json: bool) -> None:
    """What was found, and where its picture lies."""
    from vidmem.cli import show

    if json:
        typer.echo(show.as_json({**data, "picture": None if picture is None else str(picture)}))
        return
    typer.echo(text)
    if picture is not None:
        typer.echo(f"picture: {picture}")


@app.command(epilog=examples.OF["search"])
def search(
    audit: AuditFolder,
    query: Annotated[Path, typer.Argument(help="A video or image.", metavar="QUERY")],
    top: Annotated[int, typer.Option(help="Clips shown of each kind.", min=1, max=1000)] = 5,
    model: ModelName = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            "--picture", "--out", help="Write a picture: the query beside each match, in step (.png, .webp, .jpg)."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Search the corpus of an audit for what a video resembles most, by content and by motion.

    The search is the audit's own, over the whole corpus, and changes nothing in it.
    """
    from vidmem.cli import show
    from vidmem.cli.find import find

    _check_picture(picture)
    result = find(audit, query, top=top, model=model)
    drawn = None
    if picture is not None:
        from vidmem.cli.sheet import draw_found

        drawn = draw_found(result, picture)
    _say(result.to_dict(), show.found(result), drawn, json)


@app.command(name="open", epilog=examples.OF["open"])
def open_report(
    audit: AuditFolder,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option("--browser", help="Also show it in the browser.")] = False,
    json: Json = False,
) -> None:
    """Serve the report of an audit to this machine alone, and print its address; Ctrl-C ends it.

    Read only, on the loopback address; nothing outside the report's folder is given.
    """
    from vidmem.cli import show
    from vidmem.cli.serve import serve

    def started(address: str) -> None:
        typer.echo(show.as_json({"address": address}) if json else f"{address}  (Ctrl-C ends it)")
        sys.stdout.flush()
        if browser:
            typer.launch(address)

    serve(audit, port, started)


for _command in app.registered_commands:
    _command.help = _paragraphs((_command.callback.__doc__ if _command.callback else None) or "")
