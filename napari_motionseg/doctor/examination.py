"""Run all parts of an examination, and put their findings into words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

from napari_motionseg.doctor.findings import Finding, without_user
from napari_motionseg.errors import SettingsError
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.version import __version__

# Title of each part and the function that yields its findings. They are imported when
# their turn comes: a library that cannot be imported is a finding, not a crash.
PARTS: Mapping[str, str] = {
    "versions": "napari_motionseg.doctor.package_versions:version_findings",
    "devices": "napari_motionseg.doctor.processors:processor_findings",
    "decoders": "napari_motionseg.doctor.decoders:decoder_findings",
    "window": "napari_motionseg.doctor.window_check:window_findings",
    "space": "napari_motionseg.doctor.space:space_findings",
    "self-test": "napari_motionseg.doctor.self_test:self_test_findings",
}
BROKEN_PART = "reinstall the package: pip install --force-reinstall napari-motionseg"


@dataclass(frozen=True)
class Examination:
    """Findings of an examination, part by part.

    Parameters
    ----------
    parts
        Findings by the title of their part.
    """

    parts: Mapping[str, tuple[Finding, ...]]

    @property
    def broken(self) -> tuple[Finding, ...]:
        """Findings that make commands fail."""
        found = (finding for part in self.parts.values() for finding in part)
        return tuple(finding for finding in found if finding.state == "broken")

    def row(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        parts = {
            title: [asdict(finding) for finding in findings]
            for title, findings in self.parts.items()
        }
        return {"version": __version__, "broken": len(self.broken), "parts": parts}

    def lines(self) -> list[str]:
        """Return everything as lines of plain text."""
        lines = [f"motionseg doctor, napari-motionseg {__version__}"]
        for title, findings in self.parts.items():
            width = max((len(finding.name) for finding in findings), default=0)
            lines += ["", title]
            for finding in findings:
                mark = {"ok": "  ", "note": " -", "broken": "!!"}[finding.state]
                lines.append(f"{mark} {finding.name:<{width}}  {finding.value}")
                if finding.remedy:
                    lines.append(f"   {'':<{width}}  -> {finding.remedy}")
        return [*lines, "", self.verdict()]

    def verdict(self) -> str:
        """Return the result in one sentence."""
        count = len(self.broken)
        if not count:
            return "Nothing is broken."
        names = ", ".join(finding.name for finding in self.broken)
        return f"Broken ({count}): {names}. See the lines with !! above."


def examine_job(parts: Iterable[str] = tuple(PARTS)) -> Job[Examination]:
    """Examine this installation.

    Parameters
    ----------
    parts
        Titles of the parts to examine; all of `PARTS` by default.

    Yields
    ------
    Progress
        Before each part.

    Returns
    -------
    Examination
        What was found. Paths in it do not name the user.

    Raises
    ------
    SettingsError
        If there is no part of a title.
    """
    chosen = tuple(parts)
    unknown = [title for title in chosen if title not in PARTS]
    if unknown:
        raise SettingsError(f"unknown part {unknown[0]!r}; choices: {', '.join(PARTS)}")
    found = {}
    for index, title in enumerate(chosen):
        yield Progress(index, len(chosen), title)
        found[title] = tuple(map(_private, _examined(PARTS[title])))
    yield Progress(len(chosen), len(chosen), "done")
    return Examination(found)


def _examined(target: str) -> list[Finding]:
    """Return the findings of a part; those before a failure are kept."""
    module, _, name = target.partition(":")
    findings: list[Finding] = []
    try:
        yielding: Callable[[], Iterable[Finding]] = getattr(import_module(module), name)
        for finding in yielding():
            findings.append(finding)
    except Exception as error:  # noqa: BLE001 - whatever fails is the finding
        words = f"{type(error).__name__}: {error}"
        findings.append(Finding("examination", words, "broken", BROKEN_PART))
    return findings


def _private(finding: Finding) -> Finding:
    """Return a finding whose text does not name the user."""
    return Finding(
        finding.name, without_user(finding.value), finding.state, finding.remedy
    )
