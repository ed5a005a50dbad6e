"""What goes to the package index: its README, what archives hold, the release's tag."""

import re
import runpy
import tomllib
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from check_release import find_faults as find_release_faults
from check_release import release_notes
from list_distributions import SDIST_HAS, WHEEL_HAS, WHEEL_TOPS, examine, find_faults
from untried_bounds import untried

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HOME = "https://example.org/owner/name"
README = """# Title

![A window](docs/images/path.gif)

*The real window, made by [a script](scripts/path_gif.py).* Research use
only.

See [install](docs/install.md#gpu), [the paper](https://example.org/p), [below](#title),
`code` and [`CITATION.cff`](CITATION.cff).

```bash
make demo   # [not a link](docs/x.md)
```

Inline ![plot](docs/images/plot.png) too.
"""


@pytest.fixture(scope="module")
def for_index():
    # builds nothing: that is under `if __name__ == "__main__"`
    return runpy.run_path(str(ROOT / "setup.py"), run_name="setup")["readme_for_index"]


@pytest.mark.parametrize("home", [None, "", "/"])
def test_without_a_home_there_are_neither_pictures_nor_dead_links(for_index, home):
    text = for_index(README, home, "0.1.0")
    assert "![" not in text
    assert "The real window" not in text, "a caption without its picture"
    assert "Research use\nonly." in text
    assert "See install, [the paper](https://example.org/p), [below](#title)," in text
    assert "`code` and `CITATION.cff`." in text
    assert "# [not a link](docs/x.md)" in text


@pytest.mark.parametrize("home", [HOME, HOME + "/"])
def test_with_a_home_all_addresses_are_those_of_the_tag(for_index, home):
    text = for_index(README, home, "0.2.0")
    assert f"![A window]({HOME}/raw/v0.2.0/docs/images/path.gif)" in text
    assert f"[install]({HOME}/blob/v0.2.0/docs/install.md#gpu)" in text
    assert f"[`CITATION.cff`]({HOME}/blob/v0.2.0/CITATION.cff)" in text
    assert f"[a script]({HOME}/blob/v0.2.0/scripts/path_gif.py)" in text
    assert "[below](#title)" in text
    assert "# [not a link](docs/x.md)" in text


@pytest.mark.parametrize("home", [None, HOME])
def test_the_real_readme_has_no_relative_target(for_index, home):
    text = for_index((ROOT / "README.md").read_text(encoding="utf-8"), home, "0.1.0")
    targets = re.findall(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"", text)
    flat = [one or two for one, two in targets]
    assert flat
    assert not [each for each in flat if not re.match(r"https?://|#", each)]


def test_no_address_is_made_up():
    """Whoever owns the project sets its address; until then there is none."""
    urls = PYPROJECT["project"].get("urls", {})
    assert urls.keys() <= {"Repository", "Documentation"}
    for name in ("pyproject.toml", "mkdocs.yml", "README.md", ".readthedocs.yaml"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "napari-motionseg.readthedocs" not in text or "Documentation" in urls


def test_the_version_stands_in_one_place():
    assert "version" not in PYPROJECT["project"].get("dynamic", [])
    version = PYPROJECT["project"]["version"]
    for path in (ROOT / "napari_motionseg").rglob("*.py"):
        assert f'"{version}"' not in path.read_text(encoding="utf-8"), path


def test_documentation_tools_are_capped():
    for requirement in PYPROJECT["project"]["optional-dependencies"]["docs"]:
        assert re.search(r"<\d+$", requirement), requirement


def test_every_pinned_version_is_admitted():
    from packaging.requirements import Requirement

    project = PYPROJECT["project"]
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    )
    groups = project["optional-dependencies"].values()
    for line in [
        *project["dependencies"],
        *(each for group in groups for each in group),
    ]:
        wanted = Requirement(line)
        if wanted.name in pins:
            assert wanted.specifier.contains(pins[wanted.name]), line


def complete(wanted, **more):
    names = [name.replace("*", "napari_motionseg-0.1.0") for name in wanted]
    return dict.fromkeys(names, 1) | more


def test_a_complete_archive_has_no_fault():
    assert not find_faults(complete(WHEEL_HAS), WHEEL_HAS, WHEEL_TOPS)
    assert not find_faults(complete(SDIST_HAS), SDIST_HAS, ())


def test_what_is_missing_or_left_over_is_a_fault():
    sizes = complete(WHEEL_HAS)
    del sizes["napari_motionseg/napari.yaml"]
    sizes["tests/conftest.py"] = 1
    sizes["napari_motionseg/__pycache__/a.cpython-311.pyc"] = 1
    assert find_faults(sizes, WHEEL_HAS, WHEEL_TOPS) == [
        "missing: napari_motionseg/napari.yaml",
        "beside the package: tests/conftest.py",
        "should not be there: napari_motionseg/__pycache__/a.cpython-311.pyc",
    ]


@pytest.mark.parametrize(
    "name", ["loops/p1.dcm", ".venv/bin/python", "docs/.DS_Store/../site/x", "a/b.pyc"]
)
def test_real_loops_and_caches_are_a_fault(name):
    assert find_faults(complete(SDIST_HAS, **{name: 1}), SDIST_HAS, ())


def test_an_archive_is_listed_by_folder(tmp_path, capsys):
    path = tmp_path / "napari_motionseg-0.1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in complete(WHEEL_HAS):
            archive.writestr(name, "x")
    assert not examine(path)
    said = capsys.readouterr().out
    assert f"{len(WHEEL_HAS)} files" in said.splitlines()[0]
    assert "4 files" in said.splitlines()[-1]  # the weights of four networks


def test_what_the_source_archive_must_have_is_in_the_repository():
    for name in SDIST_HAS:
        assert (ROOT / name).is_file(), name
    for name in WHEEL_HAS:
        assert "*" in name or (ROOT / name).is_file(), name


@pytest.fixture
def checkout(tmp_path):
    """A checkout of version 1.2.0 that is ready for its release."""
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nversion = "1.2.0"\n[project.urls]\nRepository = "https://x/y/z"\n'
    )
    (tmp_path / "CITATION.cff").write_text("title: x\nversion: 1.2.0\nlicense: y\n")
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changes\n\n## 1.2.0, 2027-01-31\n\n- new\n- more\n\n"
        "## 1.1.0, 2026-12-01\n\n- old\n"
    )
    return tmp_path


def test_a_checkout_that_is_ready_is_released_with_its_notes(checkout):
    assert not find_release_faults(checkout, "v1.2.0")
    assert release_notes(checkout, "v1.2.0") == "- new\n- more\n"
    assert release_notes(checkout, "v1.1.0") == "- old\n"
    assert release_notes(checkout, "v9") == ""


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("pyproject.toml", "1.2.0", "1.2.1", "the tag is v1.2.0"),
        ("pyproject.toml", "Repository", "Other", "has no Repository"),
        ("CITATION.cff", "1.2.0", "1.1.0", "its version is not 1.2.0"),
        ("CHANGELOG.md", "2027-01-31", "not yet released", "has no heading '## 1.2.0"),
    ],
)
def test_what_stands_in_the_way_is_named(checkout, file, old, new, words):
    path = checkout / file
    path.write_text(path.read_text().replace(old, new))
    assert any(words in fault for fault in find_release_faults(checkout, "v1.2.0"))


def test_the_site_gets_its_addresses_from_the_same_place(monkeypatch):
    pytest.importorskip("mkdocs.structure.files")
    import site_pages

    monkeypatch.delenv("READTHEDOCS_CANONICAL_URL", raising=False)
    monkeypatch.setattr(site_pages, "project_urls", dict)
    config = SimpleNamespace()
    site_pages.on_config(config)
    assert (config.site_url, config.repo_url) == (None, None)
    monkeypatch.setattr(site_pages, "project_urls", lambda: {"Repository": HOME})
    site_pages.on_config(config)
    assert (config.repo_url, config.repo_name) == (HOME, "owner/name")
    monkeypatch.setenv("READTHEDOCS_CANONICAL_URL", "https://docs.example.org/")
    site_pages.on_config(config)
    assert config.site_url == "https://docs.example.org/"


@pytest.mark.parametrize(
    ("bound", "tried", "expected"),
    [
        ("scipy>=1.11", "scipy==1.14.0", [("scipy", "1.11", "1.14.0")]),
        ("rich>=14", "rich==14.0.0", []),
        ("pillow>=12", "pillow==12.0.1.post1", [("pillow", "12", "12.0.1.post1")]),
        ("monai>=1.6.1", "MONAI==1.6.1+cpu", []),
        ("napari[pyqt6]>=0.7", "napari[pyqt6]==0.7.1", [("napari", "0.7", "0.7.1")]),
        ("torch>=2.8", "torch==2.13.0", []),
        ("numpy", "numpy==2.4.0", []),
        ("rich>=13", "", []),
    ],
)
def test_a_bound_that_was_not_tried_is_found(bound, tried, expected):
    listed = f"# by uv\n{tried}\n    # via x==9\n"
    assert list(untried({"dependencies": [bound]}, listed)) == expected
