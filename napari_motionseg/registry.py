"""The one small registry of choices: estimators, objectives, models, readers.

A registry maps names to import paths, so that listing the choices loads nothing, an
optional back end may be absent, and a typo is answered with the nearest name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from napari_motionseg.errors import MissingDependencyError, SettingsError


@dataclass(frozen=True)
class Choice:
    """One choice of a registry.

    Parameters
    ----------
    target
        Where it is defined, as ``package.module:attribute``.
    summary
        One line for menus and help.
    extra
        The optional dependency group that it needs, if any.
    """

    target: str
    summary: str = ""
    extra: str | None = None


class Registry(Mapping[str, Choice]):
    """A closed set of named choices of one kind.

    Parameters
    ----------
    kind
        What is chosen, in words: ``"flow estimator"``.
    choices
        The choices by name, the default first.
    """

    def __init__(self, kind: str, choices: Mapping[str, Choice]) -> None:
        self.kind = kind
        self._choices = dict(choices)

    def __getitem__(self, name: str) -> Choice:
        if name not in self._choices:
            raise SettingsError(unknown_choice(self.kind, name, self._choices))
        return self._choices[name]

    def __contains__(self, name: object) -> bool:
        return name in self._choices

    def __iter__(self) -> Iterator[str]:
        return iter(self._choices)

    def __len__(self) -> int:
        return len(self._choices)

    @property
    def default(self) -> str:
        """Name of the first choice."""
        return next(iter(self._choices))

    def load(self, name: str) -> Any:
        """Import and return the choice called `name`.

        Raises
        ------
        SettingsError
            If no choice has this name.
        MissingDependencyError
            If the choice needs a library that is not installed.
        """
        choice = self[name]
        module, _, attribute = choice.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ImportError as error:
            if choice.extra is None:
                raise
            raise MissingDependencyError(
                f"{self.kind} {name!r} needs {error.name!r}, which is not installed: "
                f"pip install 'napari-motionseg[{choice.extra}]'"
            ) from error


def unknown_choice(kind: str, name: str, names: Mapping[str, object]) -> str:
    """Return the message for a name that is not among `names`."""
    nearest = difflib.get_close_matches(str(name), list(names), n=1)
    hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    return f"unknown {kind} {name!r}{hint}; choices: {', '.join(names) or 'none'}"
