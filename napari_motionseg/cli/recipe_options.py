"""Define the options of training commands that change fields of a recipe.

The settings classes are the one source of defaults: an option that the user does not
give leaves the field of the recipe as it is, and ``--help`` shows the recipe's value.
The settings classes import torch, which takes seconds. ``--help`` therefore reads the
values from `recipe_defaults`, which ``scripts/recipe_defaults.py`` writes from the
settings classes; a test compares the two.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import typer
from typer.core import TyperCommand

from napari_motionseg.cli.options import LARGEST_SEED
from napari_motionseg.cli.recipe_defaults import RECIPE_DEFAULTS

Command = TypeVar("Command", bound=Callable[..., None])
SOURCE = "recipe_source"


@dataclass(frozen=True)
class Sets:
    """The fields of the settings that an option sets.

    Parameters
    ----------
    names
        Names of the fields; a dot leads into settings within settings.
    convert
        Function that converts the value of the option to that of the fields.
    shown
        Default that ``--help`` shows if the field's value is not a value of the option;
        None shows the value of the first field.
    """

    names: tuple[str, ...]
    convert: Callable[[Any], Any] = lambda value: value
    shown: str | None = None


@dataclass(frozen=True)
class RecipeSource:
    """The settings class in which a command finds its recipes.

    Parameters
    ----------
    target
        Settings class with a method `recipe`, as ``package.module:Class``. It is
        imported when a command runs, because it imports torch.
    name
        Name of the recipe for a command without ``--recipe``; else None.
    """

    target: str
    name: str | None

    def recipe(self, name: str | None) -> Any:
        """Return the settings of a recipe.

        Raises
        ------
        SettingsError
            If the recipe is unknown.
        """
        module, _, attribute = self.target.partition(":")
        return getattr(import_module(module), attribute).recipe(name or self.name)


def changes_recipe(
    target: str, name: str | None = None
) -> Callable[[Command], Command]:
    """Mark a command whose options change a recipe; see `RecipeSource`."""

    def mark(command: Command) -> Command:
        """Store the source of the recipes as an attribute of the function."""
        setattr(command, SOURCE, RecipeSource(target, name))
        return command

    return mark


def fields_of(command: Callable[..., None]) -> dict[str, Sets]:
    """Return the fields that each option of a command sets, by the option's name."""
    found = {}
    for name, hint in get_type_hints(command, include_extras=True).items():
        for extra in get_args(hint)[1:]:
            if isinstance(extra, Sets):
                found[name] = extra
    return found


def recipe_and_changes(context: typer.Context) -> tuple[Any, dict[str, Any]]:
    """Return the recipe that the user has chosen, and the changes to it.

    Parameters
    ----------
    context
        Context of the running command, which `changes_recipe` has marked.

    Returns
    -------
    settings
        Settings of the recipe.
    changes
        New values of the given options, by field name.
    """
    command: Any = context.command.callback
    source: RecipeSource = getattr(command, SOURCE)
    changes: dict[str, Any] = {}
    for option, field in fields_of(command.__wrapped__).items():
        value = context.params.get(option)
        if value is None or value == [] or value == ():
            continue
        changes |= dict.fromkeys(field.names, field.convert(value))
    return source.recipe(context.params.get("recipe")), changes


def default_values(command: Callable[..., None]) -> dict[str, Any]:
    """Return the values that ``--help`` shows as defaults, by the option's name.

    Parameters
    ----------
    command
        Function that `changes_recipe` has marked. The values are those of the recipe
        that it uses without ``--recipe``.
    """
    source: RecipeSource = getattr(command, SOURCE)
    chosen = inspect.signature(command).parameters.get("recipe")
    settings = source.recipe(chosen.default if chosen else None)
    values = {}
    for option, field in fields_of(command).items():
        value = field.shown or _value_of(settings, field.names[0])
        if isinstance(value, Mapping):  # as the option takes several values
            value = ", ".join(f"{name}={one:g}" for name, one in value.items()) or None
        values[option] = value
    return values


def _value_of(settings: Any, name: str) -> Any:
    """Return a field of settings by its dotted name; None in parts that are None."""
    value = settings
    for part in name.split("."):
        value = None if value is None else getattr(value, part)
    return value


class RecipeCommand(TyperCommand):
    """A command whose help shows the values of its recipe as defaults."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the options with their defaults."""
        if not hasattr(self.callback, SOURCE):
            super().format_options(ctx, formatter)
            return
        own = self.params
        command: Any = self.callback
        values = RECIPE_DEFAULTS[command.__name__]
        try:
            self.params = [_with_default(one, values) for one in own]
            super().format_options(ctx, formatter)
        finally:
            self.params = own


def _with_default(option: Any, values: Mapping[str, Any]) -> Any:
    """Return a copy of an option that has its value in `values` as its default."""
    if option.name not in values:
        return option
    shown = copy.copy(option)
    shown.default = values[option.name]
    return shown


def training(name: str) -> Sets:
    """Return a `Sets` for a field of the training loop's settings."""
    return Sets((f"training.{name}",))


Steps = Annotated[
    int | None, typer.Option(min=1, help="Optimizer steps."), training("steps")
]
Rate = Annotated[
    float | None,
    typer.Option(
        "--learning-rate",
        "--lr",
        help="Learning rate of Adam; the highest one if it varies.",
    ),
    training("learning_rate"),
]
Device = Annotated[
    str | None,
    typer.Option(
        help="Device: auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1 or mps."
    ),
    training("device"),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, max=LARGEST_SEED, help="Seed of all random numbers."),
    training("seed"),
]
MicroBatches = Annotated[
    int | None,
    typer.Option(
        "--micro-batches",
        "--parts",
        min=0,
        help="Micro-batches of a step, whose gradients are accumulated. The "
        "processes of torchrun share them; 0 is one for each process.",
    ),
    training("micro_batches"),
]
PreviewEvery = Annotated[
    int | None,
    typer.Option(
        "--preview-every",
        "--look-every",
        min=0,
        help="Steps between two previews in the log folder; 0 makes none.",
    ),
    training("preview_every"),
]
SaveEvery = Annotated[
    int | None,
    typer.Option(
        min=1, help="Steps between two saved states; a kill loses at most that many."
    ),
    training("checkpoint_every"),
]
TensorBoard = Annotated[
    bool | None,
    typer.Option("--tensorboard", help="Write TensorBoard event files too."),
    training("tensorboard"),
]
