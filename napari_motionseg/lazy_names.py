"""Import the module of a package's name when the name is first used.

torch takes seconds to import, and the window must open a dock without it. A package
whose modules need torch therefore names them and does not import them.

The window imports in a thread, too. If a package imported its modules, two threads
could each wait for a module that the other one is about to import; Python then fails
one of the imports with a "partially initialized module".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, modules: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return functions `__getattr__` and `__dir__` of a package (PEP 562).

    A name must not be that of a module of the package: as soon as the module is
    imported, Python binds the name to the module.

    Parameters
    ----------
    package
        ``__name__`` of the package.
    modules
        The module of each public name, relative to the package.

    Returns
    -------
    tuple of callable
        `__getattr__`, which imports the module of a name and returns the name, and
        `__dir__`, which lists the names.
    """

    def __getattr__(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{modules[name]}"), name)

    def __dir__() -> list[str]:
        return sorted(modules)

    return __getattr__, __dir__
