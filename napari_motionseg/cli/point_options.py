"""Define options that take points or arrows: ``--positive 10,20 30,40``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from napari_motionseg.cli.recipe_options import RecipeCommand
from napari_motionseg.errors import SettingsError

POINT_OPTIONS = ("--positive", "--negative", "--arrow", "--still")
_NUMBERS = re.compile(r"-?[\d.]+(,-?[\d.eE+-]+)+")


class PointsCommand(RecipeCommand):
    """A command whose options for points take several points, one after another."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words, with the name of an option before each of its points."""
        return super().parse_args(ctx, repeated_options(args))


def repeated_options(words: Sequence[str]) -> list[str]:
    """Return words in which each further point has the name of its option before it.

    Parameters
    ----------
    words
        Words of a command line, such as ``--positive 10,20 30,40``.
    """
    found: list[str] = []
    option = ""
    for word in words:
        known = word.partition("=")[0]
        if word.startswith("--"):
            option = known if known in POINT_OPTIONS else ""
        elif not _NUMBERS.fullmatch(word):
            option = ""
        elif option and found[-1] != option:
            found.append(option)
        found.append(word)
    return found


def parsed_numbers(
    option: str, words: Sequence[str] | None, names: Sequence[str]
) -> list[tuple[float, ...]]:
    """Return the numbers of each point or arrow.

    Parameters
    ----------
    option
        Name of the option, for an error message.
    words
        Values of the option, such as ``10,20``; None for none.
    names
        Name of each number, such as ``R`` and ``C``.

    Raises
    ------
    SettingsError
        If a value does not consist of as many numbers.
    """
    rows = []
    for word in words or ():
        try:
            numbers = tuple(float(part) for part in word.split(","))
        except ValueError:
            numbers = ()
        if len(numbers) != len(names):
            raise SettingsError(
                f"{option} takes {','.join(names)} in pixels, such as "
                f"{','.join(map(str, range(10, 10 + len(names))))}; got {word!r}"
            )
        rows.append(numbers)
    return rows
