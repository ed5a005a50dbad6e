"""Compare the installed versions with those that this package requires."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from napari_motionseg.doctor.findings import Finding, without_user
from napari_motionseg.version import __version__

DISTRIBUTION = "napari-motionseg"
# extras for developers, and the one that only joins others
LEFT_OUT = ("all", "test", "docs", "dev")


def version_findings() -> Iterator[Finding]:
    """Yield the versions of this package, of Python and of all requirements."""
    yield _own_version()
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    yield Finding("system", system)
    yield Finding(
        "python",
        f"{platform.python_version()} ({platform.python_implementation()}), "
        f"{without_user(sys.executable)}",
    )
    for requirement, extra in _requirements():
        yield compare(requirement, extra)


def _own_version() -> Finding:
    if __version__.startswith("0+"):
        return Finding(
            DISTRIBUTION, "a checkout that is not installed", "broken",
            "pip install -c constraints.txt -e . in the checkout",
        )  # fmt: skip
    return Finding(DISTRIBUTION, __version__)


def _requirements() -> Iterator[tuple[Requirement, str]]:
    """Yield what applies to this Python and system, and the extra that asks for it."""
    try:
        lines = requires(DISTRIBUTION) or []
        extras = metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return
    extras = [extra for extra in extras if extra not in LEFT_OUT]
    for requirement in map(Requirement, lines):
        marker = requirement.marker
        if marker is None or marker.evaluate({"extra": ""}):
            yield requirement, ""
            continue
        for extra in extras:
            if marker.evaluate({"extra": extra}):
                yield requirement, extra
                break


def compare(requirement: Requirement, extra: str = "") -> Finding:
    """Return the installed version of a requirement, and whether it is admitted.

    Parameters
    ----------
    requirement
        The requirement, as the package's metadata have it.
    extra
        The optional group that it belongs to; empty if everyone needs it.
    """
    name, wanted = requirement.name, str(requirement.specifier)
    try:
        found = version(name)
    except PackageNotFoundError:
        if extra:
            remedy = f"if you need it: pip install 'napari-motionseg[{extra}]'"
            return Finding(name, "not installed (optional)", "note", remedy)
        return Finding(name, "not installed", "broken", f"pip install '{name}{wanted}'")
    if requirement.specifier.contains(found, prereleases=True):
        return Finding(name, found)
    words = f"{found}; this package needs {wanted}"
    return Finding(name, words, "broken", f"pip install '{name}{wanted}'")
