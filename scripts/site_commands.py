"""Let mkdocs show a page with the help of every command.

The page is made from the command line itself, so it cannot differ from
``motionseg COMMAND --help``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import typer
from mkdocs.structure.files import File, Files

PAGE = "commands.md"
HEAD = """# Commands

This page lists every command with its options, as `motionseg COMMAND --help` does. The
[command line tutorial](tutorial-cli.md) shows them at work.
"""


def on_files(files: Files, config: Any) -> Files:
    """Add the page of commands."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Return the page in Markdown."""
    from napari_motionseg.cli import app

    group = typer.main.get_command(app)
    return "\n\n".join([HEAD.strip(), *commands(group, "motionseg")]) + "\n"


def commands(group: Any, name: str) -> Iterator[str]:
    """Yield a section for each command of a group, groups within it included.

    Parameters
    ----------
    group
        The group, as click has it.
    name
        What is typed before the name of the command.
    """
    for word, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from commands(command, f"{name} {word}")
        elif not command.hidden:
            yield section(command, f"{name} {word}")


def section(command: Any, name: str) -> str:
    """Return one command: its usage, what it does, its arguments and options."""
    context = click.Context(command, info_name=name)
    usage = " ".join(command.collect_usage_pieces(context))
    text = re.sub(r"\s*\n\s*", " ", (command.help or "").replace("\n\n", "\0"))
    options = [
        item(each) for each in command.params if not getattr(each, "hidden", False)
    ]
    parts = [
        f"## {name}",
        f"```text\n{name} {usage}\n```",
        text.replace("\0", "\n\n").strip(),
        "\n".join(options),
    ]
    return "\n\n".join(part for part in parts if part)


def item(parameter: Any) -> str:
    """Return the list item of an argument or option."""
    record = parameter.get_help_record(click.Context(click.Command("none")))
    if record is None:  # click describes arguments in the usage alone
        record = parameter.make_metavar(), getattr(parameter, "help", "") or ""
    names, words = (" ".join(text.split()) for text in record)
    return f"- `{names}`: {words.replace('<', '&lt;')}"
