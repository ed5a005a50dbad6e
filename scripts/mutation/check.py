"""Draw mutants, run tests against each, and keep what was found."""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mutation.mutants import Mutant, code_digest, find_mutants
from mutation.warm import PACKAGE, preload, run_tests

OTHER_PROCESS = re.compile(r"subprocess|multiprocessing|os\.fork|child_process|spawn")
BY_CHANCE = {"tests/project/test_kill.py"}  # kills at random moments: no verdict
OLD = 1_000_000_000  # time of all copied files, so that compiled ones stay valid
PATIENCE_S, PATIENCE_TIMES = 20, 5  # of a mutant, beside the time its tests take


def copy_tree(checkout: Path, tree: Path) -> None:
    """Copy what git knows or would know of a checkout, and compile it."""
    shutil.rmtree(tree, ignore_errors=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=checkout, capture_output=True, check=True).stdout
    for name in filter(None, names.decode().split("\0")):
        if (checkout / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(checkout / name, tree / name)
            os.utime(tree / name, (OLD, OLD))
    compileall.compile_dir(tree / PACKAGE, quiet=1)


def candidates(tree: Path, package: str) -> list[Mutant]:
    """Return all mutants of a package of the tree."""
    found = []
    for path in sorted((tree / PACKAGE / package).rglob("*.py")):
        file = path.relative_to(tree / PACKAGE).as_posix()
        found += find_mutants(path.read_bytes(), file)
    return found


def draw(tree: Path, package: str, count: int, seed: int) -> list[Mutant]:
    """Return some mutants of a package by chance.

    Each mutant's place in the draw depends on the seed and its own name alone: a change
    to one file leaves the draw from the others as it was.
    """
    drawn: list[Mutant] = []
    for one in sorted(candidates(tree, package), key=lambda one: one.rank(seed)):
        if len(drawn) == count:
            break
        if one.is_code((tree / PACKAGE / one.file).read_bytes()):
            drawn.append(one)
    return drawn


@dataclass
class TestFile:
    """What is known of one test file.

    Parameters
    ----------
    path
        Path below the tree.
    text
        Its text.
    seconds
        Wall time of its run.
    called
        Functions that it calls, as ``file:qualified name``.
    """

    path: str
    text: str
    seconds: float
    called: set[str] = field(default_factory=set)

    def order(self, mutant: Mutant) -> tuple[int, float]:
        """Return a key that puts the test file most likely to see a fault first."""
        stem = Path(mutant.file).stem
        if Path(self.path).stem == f"test_{stem}":
            return 0, 0.0
        return 1 if f".{stem} import" in self.text else 2, self.seconds


class Check:
    """A mutation check of one copy of the tree, with what earlier ones have found.

    Parameters
    ----------
    work
        Folder of the copy (``tree``) and of what was found so far.
    """

    def __init__(self, work: Path) -> None:
        self.work, self.tree = work, work / "tree"
        self._verdicts = _Kept(work / "verdicts.json")
        self._calls = _Kept(work / "calls.json")
        self._tests: dict[str, list[TestFile]] = {}

    def verdict(self, mutant: Mutant) -> dict[str, Any]:
        """Return how a mutant ended: of earlier checks, or of its tests now.

        A mutant that was killed stays so until its own file changes; one that survived
        is tried again when its package's tests change.
        """
        source = self.tree / PACKAGE / mutant.file
        package = mutant.file.split("/")[0]
        code = code_digest(source.read_bytes())
        tests = self._tests_digest(package)
        before = self._verdicts.content.get(mutant.name, {})
        killed = before.get("result") in ("killed", "timeout")
        if before.get("code") == code and (killed or before.get("tests") == tests):
            return before
        found = {**self._try(mutant, source), "code": code, "tests": tests}
        self._verdicts.put(mutant.name, found)
        return found

    def _try(self, mutant: Mutant, source: Path) -> dict[str, Any]:
        chosen = self._chosen(mutant)
        allowed = PATIENCE_S + PATIENCE_TIMES * sum(one.seconds for one in chosen)
        right = source.read_bytes()
        try:
            source.write_bytes(mutant.apply(right))
            files = [one.path for one in chosen]
            ending = run_tests(self.tree, files, self.work / "room", allowed)
        finally:
            source.write_bytes(right)
            os.utime(source, (OLD, OLD))
        result = "timeout" if ending.code is None else "killed"
        if ending.code == 0:
            result = "survived"
        elif ending.code == 5:
            raise RuntimeError(f"{mutant.name}: no test was found")
        by = ending.said.get("failed") or ("" if ending.code == 0 else "import")
        return {"result": result, "by": by, "seconds": ending.seconds}

    def _chosen(self, mutant: Mutant) -> list[TestFile]:
        """Return the test files that run the mutant's code, the likeliest first."""
        tests = self.tests_of(mutant.file.split("/")[0])
        function = f"{mutant.file}:{mutant.place}"
        chosen = [one for one in tests if function in one.called]
        # what runs in another process is not seen
        chosen += [
            one
            for one in tests
            if one not in chosen and (not chosen or OTHER_PROCESS.search(one.text))
        ]
        return sorted(chosen, key=lambda one: one.order(mutant))

    def tests_of(self, package: str) -> list[TestFile]:
        """Return the test files of a package; each is run once, which must succeed."""
        if package not in self._tests:
            paths = sorted((self.tree / "tests" / package).rglob("test_*.py"))
            self._tests[package] = [
                self._known(path)
                for path in paths
                if path.relative_to(self.tree).as_posix() not in BY_CHANCE
            ]
        return self._tests[package]

    def _known(self, path: Path) -> TestFile:
        name = path.relative_to(self.tree).as_posix()
        now = self._tests_digest("", (path.parent / "conftest.py", path))
        known = self._calls.content.get(name, {})
        if known.get("digest") != now:
            room = self.work / "room"
            ending = run_tests(self.tree, [name], room, 900, calls=True)
            if ending.code != 0:
                raise RuntimeError(f"{name} fails without a mutant:\n{ending.output}")
            preload(ending.said["modules"])
            known = {
                "digest": now, "seconds": ending.seconds,
                "called": ending.said["called"], "modules": ending.said["modules"],
            }  # fmt: skip
            self._calls.put(name, known)
            print(f"{name}: {ending.seconds:.1f} s", flush=True)
        else:
            preload(known["modules"])
        return TestFile(name, path.read_text(), known["seconds"], set(known["called"]))

    def _tests_digest(self, package: str, paths: Iterable[Path] = ()) -> str:
        """Return a digest of a package's tests, or of some, and what they share."""
        tests = self.tree / "tests"
        all_paths = {tests / "conftest.py", *(tests / "helpers").glob("*.py"), *paths}
        if package:
            all_paths |= {*(tests / package).rglob("*.py")}
        return _digest(p.read_bytes() for p in sorted(all_paths) if p.exists())


class _Kept:
    """A dictionary that is in a file after each change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.content: dict[str, Any] = (
            json.loads(path.read_text()) if path.exists() else {}
        )

    def put(self, key: str, value: Any) -> None:
        self.content[key] = value
        part = self._path.with_suffix(".part")
        part.write_text(json.dumps(self.content))
        os.replace(part, self._path)


def _digest(parts: Iterable[bytes]) -> str:
    found = hashlib.sha256()
    for part in parts:
        found.update(hashlib.sha256(part).digest())
    return found.hexdigest()
