"""The documentation says what is there: links, commands, code, navigation."""

from __future__ import annotations

import ast
import importlib
import re
import shlex
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    + list(DOCS.rglob("*.md"))
)
# pages of the site that a hook makes of files beside the code
GENERATED = {
    "contributing.md", "changelog.md", "results.md", "commands.md", "vessels-xa.md",
    "pwcnet-xa.md",
    "propagation-xa.md",
    "motion-xa.md", "catheters-xa.md",
}  # fmt: skip
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: Path, *languages: str) -> list[str]:
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [code for language, code in found if language in languages]


def by_page(pages: list[Path]) -> list[object]:
    return [pytest.param(p, id=p.relative_to(ROOT).as_posix()) for p in pages]


def commands() -> list[object]:
    """Every line of a shell block that calls motionseg."""
    lines = []
    for page in PAGES:
        for code in blocks(page, "bash", "sh"):
            for line in code.splitlines():
                words = re.sub(r"\s+#.*$", "", line.strip())
                words = re.split(r"\s(?:>>?|\|\|?|&&)\s", words)[0]
                if words.startswith("motionseg "):
                    name = f"{page.stem}:{words[:60]}"
                    lines.append(pytest.param(words, id=name))
    return lines


def test_there_are_commands_to_check():
    assert len(commands()) > 10


@pytest.mark.parametrize("line", commands())
def test_command_lines_parse(line):
    from napari_motionseg.cli import app

    words = shlex.split(line)[1:]
    group = typer.main.get_command(app)
    if words[0].startswith("--"):
        known = {option for p in group.params for option in p.opts} | {"--help"}
        assert words[0] in known
        return
    assert words[0] in group.commands, f"no command {words[0]}"
    command, words = group.commands[words[0]], words[1:]
    while hasattr(command, "commands"):  # a group: the next word is its command
        assert words[0] in command.commands, f"no command {words[0]}"
        command, words = command.commands[words[0]], words[1:]
    context = command.make_context(command.name, words, resilient_parsing=False)
    assert not context.args
    context.close()


@pytest.mark.parametrize("page", by_page(PAGES))
def test_python_blocks_compile_and_import(page):
    for code in blocks(page, "python"):
        tree = ast.parse(code)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                module = importlib.import_module(str(node.module))
                for alias in node.names:
                    assert hasattr(module, alias.name), f"{node.module}.{alias.name}"
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


def test_the_library_tutorial_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = "\n".join(blocks(DOCS / "tutorial-library.md", "python"))
    scope: dict[str, object] = {}
    exec(compile(code, "tutorial-library.md", "exec"), scope)
    assert scope["result"].done.all()
    assert not scope["partly"].done.all()
    assert "no such file" in capsys.readouterr().out


@pytest.fixture(scope="module")
def contributed() -> dict[str, object]:
    """What the code in CONTRIBUTING defines."""
    scope: dict[str, object] = {"__name__": "contributed"}
    for code in blocks(ROOT / "CONTRIBUTING.md", "python"):
        exec(compile(code, "CONTRIBUTING.md", "exec", dont_inherit=True), scope)
    return scope


def test_contributed_objective_has_a_gradient(contributed):
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(2, 4, 9, 11, generator=generator).requires_grad_()
    flow = torch.randn(2, 2, 9, 11, generator=generator)
    loss, metrics = contributed["SmoothWhereStill"]()(embedding, flow, generator)
    loss.backward()
    assert torch.isfinite(embedding.grad).all()
    assert embedding.grad.abs().sum() > 0
    assert set(metrics) == {"cosine"}


def test_contributed_flow_finds_a_shift(contributed):
    from napari_motionseg.motion import FlowSettings

    first = np.random.default_rng(0).random((40, 48)).astype(np.float32)
    estimator = contributed["shift"](FlowSettings())
    flow = estimator.flow(estimator.prepare(first), np.roll(first, (2, -3), (0, 1)))
    assert np.allclose(flow[0], -3, atol=0.1)
    assert np.allclose(flow[1], 2, atol=0.1)


def test_contributed_measurement_measures(contributed):
    drawn = np.zeros((4, 5), bool)
    drawn[1:3, 1:4] = True
    assert contributed["area_ratio"](drawn, drawn) == 1
    assert contributed["area_ratio"](~drawn, drawn) == pytest.approx(14 / 6)
    assert np.isnan(contributed["area_ratio"](drawn, drawn & False))


def test_contributed_reader_reads_and_refuses(contributed, tmp_path):
    from napari_motionseg.errors import MemoryBudgetError, ReadError

    path = tmp_path / "loop.raw"
    np.arange(2 * 512 * 512, dtype=np.uint32).astype(np.uint8).tofile(path)
    cine = contributed["read_raw"](path, 2**20)
    assert cine.shape == (2, 512, 512)
    with pytest.raises(MemoryBudgetError, match="the budget is 10"):
        contributed["read_raw"](path, 10)
    path.write_bytes(b"short")
    with pytest.raises(ReadError, match="damaged or unreadable raw loop"):
        contributed["read_raw"](path, 2**20)


def test_contributed_job_stops(contributed, small_cine):
    from napari_motionseg.jobs import STOP, run

    job = contributed["brightness_job"]
    assert len(run(job(small_cine))) == len(small_cine)
    running = job(small_cine)
    next(running)
    with pytest.raises(StopIteration) as end:
        running.send(STOP)
    assert len(end.value.value) == 1


def test_contributed_command_answers(contributed, tmp_path, small_cine, capsys):
    path = tmp_path / "loop.npy"
    np.save(path, small_cine.frames[:])
    contributed["count"](path, as_json=True)
    assert capsys.readouterr().out.strip() == f'{{"frames": {len(small_cine)}}}'


FILE_NAME = re.compile(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|sh|yaml|toml))`")
PACKAGE = ROOT / "napari_motionseg"
# pages that look back, and files of users or of other programs
NOT_LOOKED_AT = {"CHANGELOG.md"}


@pytest.mark.parametrize("page", by_page(PAGES))
def test_files_of_the_repository_that_a_page_names_exist(page):
    if page.name in NOT_LOOKED_AT:
        return
    names = FILE_NAME.findall(page.read_text(encoding="utf-8"))
    inside = [name for name in names if "/" in name and "your_" not in name]
    places = (ROOT, PACKAGE)
    missing = [n for n in inside if not any((place / n).exists() for place in places)]
    assert not missing


def test_where_things_are_is_where_they_are():
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `([\w/.]+)` \| `(\w+)` \|$", text, re.MULTILINE)
    assert len(rows) > 10
    for file, name in rows:
        tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
        names = {getattr(node, "name", None) for node in tree.body}
        names |= {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        assert name in names, f"{file} has no {name}"


def test_the_layers_of_the_docs_are_those_of_the_contract():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (
        contract
        for contract in project["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    )
    expected = [sorted(layer.split(" : ")) for layer in contract["layers"]]
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    (drawing,) = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    known = {name for layer in expected for name in layer}
    found = []
    for line in drawing.splitlines():
        words = re.split(r"\s{3,}", re.sub(r"\(.*?\)", "", line).strip())
        names = [word.strip("/ ") for word in words if word.strip("/ ") in known]
        if names:
            found.append(sorted(names))
    assert found == expected[1:]  # __main__ alone is above all that is drawn


def words_of_the_window() -> list[str]:
    """Return every text in the code of docks, as a user reads it."""
    files = [
        *(PACKAGE / "widgets").rglob("*.py"),
        *(PACKAGE / "viewmodel").rglob("*.py"),
    ]
    texts = [
        node.value.replace("&&", "&").casefold()
        for file in files
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [*texts, (PACKAGE / "napari.yaml").read_text(encoding="utf-8").casefold()]


# what napari says itself, and menus of several steps
NAPARI_SAYS = {"remember this choice", "file extension readers"}


@pytest.mark.parametrize("name", ["tutorial-window", "first-masks"])
def test_buttons_that_a_page_names_are_in_the_window(name):
    text = BLOCK.sub("", (DOCS / f"{name}.md").read_text(encoding="utf-8"))
    named = [" ".join(n.split()) for n in re.findall(r"\*{1,2}([^*]+)\*{1,2}", text)]
    asked = {n.casefold().strip("….: ") for n in named if ">" not in n} - NAPARI_SAYS
    assert len(asked) > 5
    there = words_of_the_window()
    assert {n for n in asked if not any(n in words for words in there)} == set()


def test_navigation_has_every_page():
    # the file holds plain YAML but for lists in braces; no parser is needed for names
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    entries = re.findall(r"([\w/-]+\.md)\s*$", text, re.MULTILINE)
    listed = set(entries)
    there = {p.relative_to(DOCS).as_posix() for p in DOCS.rglob("*.md")}
    assert len(entries) == len(listed), "a page stands twice"
    assert there - listed == set()
    assert listed - there - GENERATED == set()


def test_reference_names_modules_that_exist():
    for page in (DOCS / "reference").glob("*.md"):
        for name in re.findall(r"^::: (\S+)", page.read_text(), re.MULTILINE):
            importlib.import_module(name)


def test_version_is_the_same_everywhere():
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.+)"', project, re.MULTILINE)[1]
    assert f"version: {version}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
