"""The house is laid out as docs/architecture.md says: names, places and sizes."""

import ast
import tomllib
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "napari_motionseg"
MODULES = sorted(PACKAGE.rglob("*.py"))

FUNCTION_LINES, CLASS_LINES, MODULE_LINES = 40, 250, 400

# A dock, its settings and a job may have the name of others in another room.
SHARED_NAMES = {"__init__.py", "dock.py", "settings.py", "job.py"}

# Tests of what several modules do together, and tests of the repository.
CROSS_CUTTING = {
    "test_container.py",
    "test_dependencies.py",
    "test_docs.py",
    "test_examples.py",
    "test_foreign_files.py",
    "test_fuzz_readers.py",
    "test_layout.py",
    "test_packaging.py",
    "test_prose.py",
    "test_public_api.py",
    "test_repository.py",
    "test_site_breaks.py",
    "test_site_checks.py",
    "test_site_commands.py",
    "test_train_on_gpu.py",
    "test_wheel.py",
    "cli/test_damaged_loops.py",
    "cli/test_hostile_text.py",
    "cli/test_old_options.py",
    "training/pretrain/test_continued.py",
    "io/test_dicom_archive.py",
    "io/test_dicom_meaning.py",
    "io/test_enhanced_objects.py",
    "io/test_full_disk.py",
    "io/test_header_against_data.py",
    "io/test_syntaxes.py",
    "models/test_hostile_checkpoints.py",
    "motion/test_damaged_frames.py",
    "motion/test_short_memory.py",
    "project/test_disk_faults.py",
    "project/test_disk_gone.py",
    "project/test_foreign_files.py",
    "project/test_hostile.py",
    "project/test_kill.py",
    "project/test_power_cut.py",
    "segmentation/test_damaged_frames.py",
    "segmentation/test_first_result.py",
    "segmentation/test_strokes_that_contradict.py",
    "training/test_damaged_frames.py",
    "training/test_determinism.py",
}
# rooms whose tests have no module of the package of their name
ELSEWHERE = {"benchmarks", "gui", "helpers"}


def relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def lines_without_docstring(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def too_large(text: str) -> list[str]:
    """Return what in a module's source is over a limit."""
    found = []
    count = len(text.splitlines())
    if count > MODULE_LINES:
        found.append(f"module: {count} lines")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines, limit = lines_without_docstring(node), FUNCTION_LINES
        elif isinstance(node, ast.ClassDef):
            lines, limit = (node.end_lineno or 0) - node.lineno + 1, CLASS_LINES
        else:
            continue
        if lines > limit:
            found.append(f"{node.name}: {lines} lines")
    return found


def module_of(test: Path, tests: Path, package: Path) -> Path | None:
    """Return the module or package that a test is named after, if there is one."""
    place = package / test.relative_to(tests).parent / test.name.removeprefix("test_")
    if place.is_file():
        return place
    room = place.with_suffix("") / "__init__.py"
    return room if room.is_file() else None


def test_no_module_class_or_function_is_too_large():
    found = {
        relative(module, PACKAGE): too_large(module.read_text(encoding="utf-8"))
        for module in MODULES
    }
    assert {name: words for name, words in found.items() if words} == {}


def test_every_test_lies_where_its_module_lies():
    strays = []
    for test in sorted(TESTS.rglob("test_*.py")):
        name = relative(test, TESTS)
        if name.split("/")[0] in ELSEWHERE or name in CROSS_CUTTING:
            continue
        if module_of(test, TESTS, PACKAGE) is None:
            strays.append(name)
    assert not strays, "name a module of the same room, or list it in CROSS_CUTTING"


def test_every_cross_cutting_test_exists_and_is_none_of_a_module():
    for name in CROSS_CUTTING:
        assert (TESTS / name).is_file(), name
        assert module_of(TESTS / name, TESTS, PACKAGE) is None, name


def test_no_two_modules_share_a_file_name():
    places = defaultdict(list)
    for module in MODULES:
        name = relative(module, PACKAGE)
        if module.name not in SHARED_NAMES and not name.startswith("cli/"):
            places[module.name].append(name)
    shared = {name: where for name, where in places.items() if len(where) > 1}
    assert not shared


def test_no_test_changes_the_path_of_imports():
    this = Path(__file__)
    for test in TESTS.rglob("*.py"):
        if test != this:
            assert "sys.path.insert" not in test.read_text(encoding="utf-8"), test


def test_limits_count_what_they_say():
    body = "\n".join(f"    a = {i}" for i in range(FUNCTION_LINES - 1))
    doc = '    """Say.\n\n    More.\n    """\n'
    assert not too_large(f"def f():\n{doc}{body}\n")
    assert too_large(f"def f():\n{doc}{body}\n    b = 1\n") == ["f: 41 lines"]
    assert too_large("class A:\n" + "    a = 1\n" * CLASS_LINES) == ["A: 251 lines"]
    assert not too_large("a = 1\n" * MODULE_LINES)
    assert too_large("a = 1\n" * (MODULE_LINES + 1)) == ["module: 401 lines"]


def test_a_stray_test_is_found(tmp_path):
    package, tests = tmp_path / "package", tmp_path / "tests"
    for place in (package / "room" / "inner", tests / "room"):
        place.mkdir(parents=True)
    (package / "room" / "one.py").touch()
    (package / "room" / "inner" / "__init__.py").touch()
    for name, there in (("one", True), ("inner", True), ("two", False)):
        found = module_of(tests / "room" / f"test_{name}.py", tests, package)
        assert (found is not None) == there


def test_mypy_checks_every_module():
    text = (TESTS.parent / "pyproject.toml").read_text(encoding="utf-8")
    settings = tomllib.loads(text)["tool"]["mypy"]
    assert settings["strict"]
    assert settings["packages"] == ["napari_motionseg"]
    assert not settings.get("exclude")
    for each in [settings, *settings["overrides"]]:
        assert not each.get("ignore_errors"), each
