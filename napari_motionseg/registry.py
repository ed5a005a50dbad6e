"""Look up implementations by name: objectives, flow estimators, peer methods.

A registry maps names to import paths. Listing the names imports nothing, so an optional
backend may be missing. A mistyped name is answered with the nearest known name.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from napari_motionseg.errors import MissingDependencyError, SettingsError


@dataclass(frozen=True)
class RegistryEntry:
    """One implementation in a registry, given by its import path.

    Parameters
    ----------
    target
        Import path, as ``package.module:attribute``.
    summary
        One line that describes the implementation in menus and in ``--help``.
    extra
        Name of the group of optional dependencies that it needs; None if it needs none.
    """

    target: str
    summary: str = ""
    extra: str | None = None


class Registry(Mapping[str, RegistryEntry]):
    """A fixed set of named implementations of one kind.

    Parameters
    ----------
    kind
        Kind of implementation that messages mention, such as ``"flow estimator"``.
    entries
        Entries by name; the first one is the default.
    """

    def __init__(self, kind: str, entries: Mapping[str, RegistryEntry]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> RegistryEntry:
        if name not in self._entries:
            raise SettingsError(unknown_name(self.kind, name, self._entries))
        return self._entries[name]

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def default(self) -> str:
        """Name of the first entry."""
        return next(iter(self._entries))

    def load(self, name: str) -> Any:
        """Import and return the implementation called `name`.

        Raises
        ------
        SettingsError
            If no entry has this name.
        MissingDependencyError
            If the implementation needs a library that is not installed.
        """
        entry = self[name]
        module, _, attribute = entry.target.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except ImportError as error:
            if entry.extra is None:
                raise
            raise MissingDependencyError(
                f"{self.kind} {name!r} needs {error.name!r}, which is not installed: "
                f"pip install 'napari-motionseg[{entry.extra}]'"
            ) from error


def unknown_name(kind: str, name: str, names: Mapping[str, object]) -> str:
    """Return the message for a name that is not among `names`."""
    nearest = difflib.get_close_matches(str(name), list(names), n=1)
    hint = f" (did you mean {nearest[0]!r}?)" if nearest else ""
    return f"unknown {kind} {name!r}{hint}; choices: {', '.join(names) or 'none'}"
