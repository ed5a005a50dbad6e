"""Assemble the `motionseg` command: its groups, exit codes and error messages.

The exit code is 2 with one line for bad input, 1 for a failure, and 130 after Ctrl-C. A
traceback is shown only with ``--debug``.
"""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from napari_motionseg.cli import (
    adapt_flow,
    archive,
    batch,
    click,
    deidentify,
    demo,
    doctor,
    embed,
    evaluate,
    export,
    finetune,
    flow,
    guide,
    import_masks,
    info,
    measure,
    pretrain,
    project,
    segment,
    suggest,
    synth,
    time_density,
    train_flow,
    train_masks,
    train_propagation,
    vessel_graph,
    worker,
)
from napari_motionseg.cli.console import print_error, print_note
from napari_motionseg.cli.failures import exit_code
from napari_motionseg.cli.point_options import PointsCommand
from napari_motionseg.cli.recipe_options import RecipeCommand
from napari_motionseg.errors import MotionSegError, PartialReadWarning
from napari_motionseg.jobs.processor_share import passive_waiting
from napari_motionseg.text import lines_without_controls
from napari_motionseg.version import __version__

CANCELLED = "cancelled; nothing half-written is left behind"
# errors of the system about a path that the user gave
BAD_PATH = (
    errno.EACCES, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT,
    errno.ENOTDIR,
)  # fmt: skip
# new versions of typer contain their own copy of click, so its class is found this way
UsageError: type[Exception] = typer.BadParameter.__bases__[0]

app = typer.Typer(
    name="motionseg",
    help="Few-shot segmentation of X-ray angiography cine loops, taught by motion. "
    "Research use only; not a medical device.",
    epilog="Exit codes: 0 done, 1 failure, 2 bad input, 130 cancelled by Ctrl-C.",
    add_completion=False,
    rich_markup_mode=None,
)
for command in (
    info.info,
    synth.synth,
    flow.flow,
    embed.embed,
    pretrain.pretrain,
    finetune.finetune,
    segment.segment,
    export.export,
    suggest.suggest,
    measure.measure,
    vessel_graph.vessel_graph,
    time_density.time_density,
    train_flow.train_flow,
    train_masks.train_masks,
    train_propagation.train_propagation,
    adapt_flow.adapt_flow,
    deidentify.deidentify,
    demo.demo,
    doctor.doctor,
    worker.worker,
):
    app.command(cls=RecipeCommand)(command)
for pointing in (click.click, guide.guide):
    app.command(cls=PointsCommand)(pointing)
app.command("import", cls=RecipeCommand)(import_masks.import_masks)
app.add_typer(archive.app, name="archive")
app.add_typer(batch.app, name="batch")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(project.app, name="project")


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug",
            help="Show a traceback with each error; allowed anywhere on the line.",
        ),
    ] = False,
) -> None:
    """Declare the options of the command as a whole; `execute` handles them."""


def main() -> NoReturn:
    """Run the command and exit with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a terminal that cannot show a letter of a name shows an escape in its
            # place
            stream.reconfigure(errors="backslashreplace")
    # before torch is imported, which reads it then
    os.environ.update(passive_waiting(os.environ))
    sys.exit(execute(sys.argv[1:]))


def execute(arguments: Sequence[str]) -> int:
    """Run the command and return its exit code.

    Parameters
    ----------
    arguments
        Command-line words after ``motionseg``.
    """
    debug = "--debug" in arguments
    words = [word for word in arguments if word != "--debug"] or ["--help"]
    if words[0] == "--version":
        typer.echo(f"motionseg {__version__}")
        return 0
    command = typer.main.get_command(app)
    try:
        with _one_line_warnings(debug):
            code = command.main(words, prog_name="motionseg", standalone_mode=False)
        # typer turns Ctrl-C into this code without a word
        return _refuse(CANCELLED, 130, False) if code == 130 else int(code or 0)
    except UsageError as error:
        return _refuse(_usage(error), 2, debug)
    except MotionSegError as error:
        return _refuse(str(error), exit_code(error), debug)
    except (KeyboardInterrupt, typer.Abort):
        return _refuse(CANCELLED, 130, False)
    except BrokenPipeError:
        # the reader of the output has closed it; Python would complain at its exit
        sys.stdout = None  # type: ignore[assignment]
        return 1
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        code = 2 if error.errno in BAD_PATH else 1
        return _refuse(f"{where}{error.strerror or error}", code, debug)
    except MemoryError:
        return _refuse("more memory is needed than is free", 1, debug)
    except Exception as error:  # noqa: BLE001 - the user gets one line, not a traceback
        reason = next(iter(str(error).splitlines()), "")  # torch adds its own frames
        what = f"unexpected failure: {type(error).__name__}: {reason}"
        return _refuse(f"{what} (--debug shows the traceback)", 1, debug)


def _refuse(message: str, code: int, debug: bool) -> int:
    if debug:
        typer.echo(lines_without_controls(traceback.format_exc()), err=True)
    print_error(message)
    return code


def _usage(error: Exception) -> str:
    """Return click's message about wrong arguments, with a pointer to the help."""
    message: str = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "motionseg"
    return f"{message.rstrip('.')}. See {path} --help"


@contextmanager
def _one_line_warnings(debug: bool) -> Iterator[None]:
    """Show warnings about partly read files; show others only with --debug."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        print_note(str(message))

    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
        warnings.simplefilter("always", PartialReadWarning)
        warnings.showwarning = show  # type: ignore[assignment]
        yield
