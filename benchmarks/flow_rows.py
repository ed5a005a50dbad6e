"""Rows of a benchmark, one a pair and method, measured by workers and kept.

What has been measured stays in a scratch folder outside the repository, so that a run
that was cut goes on, and a new checkpoint costs no classical flow again. A row is filed
under the code, weights and settings that it depends on, and never outlives them.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import torch
from flow_methods import METHODS, NETWORK, PairFlow
from machine import here_and_now

import napari_motionseg

Row = dict[str, Any]
Work = Callable[[Any, Sequence[str], Path | None], dict[str, Row]]
HERE = Path(__file__).parent
RESULTS = HERE / "results"
PACKAGE = Path(napari_motionseg.__file__).parent
SHIPPED = PACKAGE / "models" / "weights" / "pwcnet-xa.safetensors"
MEASURING = ("flow_methods.py", "flow_measures.py")
TELL_SECONDS = 30


@dataclass(frozen=True)
class Rows:
    """Where the rows of one benchmark are kept, and what they depend on.

    Parameters
    ----------
    name
        The benchmark.
    cache
        A scratch folder.
    weights
        The network's checkpoint; None for what ships.
    sources
        Files whose code makes pairs and measures.
    """

    name: str
    cache: Path
    weights: Path | None
    sources: tuple[Path, ...]

    def file(self, method: str) -> Path:
        """Return the file of a method's rows."""
        files = [*self.sources, *(HERE / name for name in MEASURING)]
        files.append(PACKAGE / "motion" / "classical.py")
        digest = hashlib.sha256()
        if method == NETWORK:
            for folder in ("models", "motion"):
                files += sorted((PACKAGE / folder).rglob("*.py"))
            digest.update((self.weights or SHIPPED).read_bytes())
        for file in files:
            digest.update(meaning(file).encode())
        return self.cache / self.name / f"{method}-{digest.hexdigest()[:16]}.jsonl"

    def read(self, method: str) -> dict[str, Row]:
        """Return what is kept, by key; a half-written last line is left out."""
        file = self.file(method)
        lines = file.read_text().splitlines(keepends=True) if file.exists() else []
        rows = [json.loads(line) for line in lines if line.endswith("}\n")]
        return {row["key"]: row for row in rows}

    def write(self, method: str, row: Row) -> None:
        """Keep a row."""
        file = self.file(method)
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as stream:
            stream.write(json.dumps(row) + "\n")


@lru_cache
def meaning(file: Path) -> str:
    """Return a file's code without comments, layout and docstrings."""
    tree = ast.parse(file.read_text())
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree)


def measured(
    tasks: Mapping[str, Any], methods: Sequence[str], work: Work, rows: Rows
) -> dict[str, list[Row]]:
    """Return each method's rows of all tasks, in the tasks' order.

    Parameters
    ----------
    tasks
        What `work` is given, by a key that says all about it.
    methods
        Names in `METHODS`.
    work
        Called in a worker with a task, the methods it lacks, and the weights.
    rows
        Where they are kept.
    """
    kept = {method: rows.read(method) for method in methods}
    lacking = {
        key: [method for method in methods if key not in kept[method]] for key in tasks
    }
    jobs = [
        (work, key, task, tuple(lacking[key]), rows.weights)
        for key, task in tasks.items()
        if lacking[key]
    ]
    for key, found in told(run_jobs(jobs), len(jobs), rows.name):
        for method, row in found.items():
            kept[method][key] = {"key": key, **row}
            rows.write(method, kept[method][key])
    return {method: [kept[method][key] for key in tasks] for method in methods}


def run_jobs(jobs: list[tuple]) -> Iterator[tuple[str, dict[str, Row]]]:
    """Yield what workers find: two processes of one thread each, in any order."""
    if not jobs:
        return
    os.environ["OMP_NUM_THREADS"] = "1"  # read by the workers when they start
    context = get_context("spawn")
    with context.Pool(min(2, os.cpu_count() or 1), single_threaded) as pool:
        yield from pool.imap_unordered(run_one, jobs)


def run_one(job: tuple) -> tuple[str, dict[str, Row]]:
    work, key, task, methods, weights = job
    return key, work(task, methods, weights)


def single_threaded() -> None:
    torch.set_num_threads(1)
    cv2.setNumThreads(1)


@lru_cache
def flow_method(name: str, weights: Path | None) -> PairFlow:
    """Return a method's function, made once a worker."""
    return METHODS[name].make(weights)


def told(found: Iterable, total: int, name: str) -> Iterator:
    """Pass on what comes, and print now and then how far it is."""
    begun = last = time.perf_counter()
    for done, item in enumerate(found, 1):
        yield item
        now = time.perf_counter()
        if now - last > TELL_SECONDS or done == total:
            last = now
            print(f"{name}: {done} of {total}, {now - begun:.0f} s", flush=True)


def parser(description: str | None, name: str) -> argparse.ArgumentParser:
    """Return the options that the flow benchmarks share."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--weights", type=Path, help="a PWC-Net checkpoint to measure")
    made.add_argument(
        "--methods", nargs="+", choices=list(METHODS), default=list(METHODS)
    )
    room = Path(tempfile.gettempdir()) / "motionseg-bench"
    made.add_argument("--cache", type=Path, default=room, help="scratch of rows")
    made.add_argument("--out", type=Path, default=RESULTS / f"{name}.json")
    return made


def earlier_report(out: Path, which: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report that a run would replace, if it is of the same pairs."""
    report: dict[str, Any] = json.loads(out.read_text()) if out.exists() else {}
    return report if all(report.get(k) == v for k, v in which.items()) else {}


def write_report(out: Path, report: dict[str, Any]) -> None:
    """Write JSON with machine and date, and print its bars."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report | here_and_now(), indent=1) + "\n")
    for row in report["rows"]:
        verdict = "passed" if row["passed"] else "MISSED"
        print(f"{verdict}  {row['what']}: {row['measured']} (bar: {row['bar']})")
