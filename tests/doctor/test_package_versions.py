"""Versions that are missing or too old are broken, and the remedy names the range."""

import pytest
from packaging.requirements import Requirement

from napari_motionseg.doctor import package_versions
from napari_motionseg.doctor.package_versions import compare, version_findings


def test_what_is_installed_and_admitted_is_ok():
    found = compare(Requirement("numpy>=2"))
    assert (found.name, found.state, found.remedy) == ("numpy", "ok", "")


def test_a_version_that_is_too_old_is_broken():
    found = compare(Requirement("numpy>=999"))
    assert found.state == "broken"
    assert "this package needs >=999" in found.value
    assert found.remedy == "pip install 'numpy>=999'"


def test_an_absent_requirement_is_broken_and_an_absent_extra_is_not():
    needed = compare(Requirement("no-such-package>=1"))
    assert (needed.state, needed.value) == ("broken", "not installed")
    optional = compare(Requirement("no-such-package>=1"), extra="nifti")
    assert optional.state == "note"
    assert "pip install 'napari-motionseg[nifti]'" in optional.remedy


@pytest.mark.parametrize(
    ("found", "admitted"), [("2.0.0rc1", True), ("2.13.0+cpu", True), ("1.9", False)]
)
def test_prereleases_and_builds_count_as_their_version(monkeypatch, found, admitted):
    monkeypatch.setattr(package_versions, "version", lambda name: found)
    state = compare(Requirement("torch>=1.10")).state
    assert state == ("ok" if admitted else "broken")


def test_all_requirements_and_no_tools_are_listed():
    found = {finding.name: finding for finding in version_findings()}
    assert {"napari-motionseg", "python", "torch", "pydicom", "nibabel"} <= found.keys()
    assert not {"pytest", "ruff", "mkdocs"} & found.keys()
    assert found["torch"].state == "ok"


def test_a_checkout_that_is_not_installed_is_told(monkeypatch):
    monkeypatch.setattr(package_versions, "__version__", "0+unknown")
    first = next(version_findings())
    assert first.state == "broken"
    assert "pip install" in first.remedy


def test_every_extra_for_users_is_examined():
    """Whoever adds an extra need not know of the doctor."""
    from importlib.metadata import metadata

    provided = set(metadata("napari-motionseg").get_all("Provides-Extra"))
    examined = {extra for _, extra in package_versions._requirements()} - {""}
    assert examined == provided - {"all", "test", "docs", "dev"}
    assert {"nifti", "opencv"} <= examined
