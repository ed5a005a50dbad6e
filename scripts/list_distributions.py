"""List what the wheel and the source archive hold, and check that nothing is missing.

Usage: python -m build; python scripts/list_distributions.py dist
"""

from __future__ import annotations

import argparse
import re
import sys
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

MEGABYTE = 2**20
LARGEST_WHEEL, LARGEST_SDIST = 24 * MEGABYTE, 40 * MEGABYTE

WHEEL_HAS = (
    "napari_motionseg/napari.yaml",
    "napari_motionseg/icon.svg",
    "napari_motionseg/py.typed",
    "napari_motionseg/samples/faint-angiogram.dcm",
    "napari_motionseg/samples/faint-angiogram.npz",
    "napari_motionseg/samples/synthetic-angiogram.dcm",
    "napari_motionseg/samples/synthetic-angiogram.npz",
    "napari_motionseg/models/weights/catheters-xa.safetensors",
    "napari_motionseg/models/weights/motion-xa.safetensors",
    "napari_motionseg/models/weights/pwcnet-xa.safetensors",
    "napari_motionseg/models/weights/propagation-xa.safetensors",
    "napari_motionseg/models/weights/vessels-xa.safetensors",
    "*.dist-info/licenses/LICENSE",
    "*.dist-info/entry_points.txt",
)
# a wheel holds the package and nothing that a checkout has beside it
WHEEL_TOPS = (r"napari_motionseg", r"napari_motionseg-[^/]+\.dist-info")
SDIST_HAS = (
    "CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE",
    "MANIFEST.in", "Makefile", "README.md", "SECURITY.md", "constraints.txt",
    "mkdocs.yml", "pyproject.toml", "setup.py", ".github/workflows/tests.yml",
    "benchmarks/RESULTS.md", "benchmarks/results/masks.json", "docs/index.md",
    "docs/images/overview.png", "examples/from_array_to_masks.py",
    "napari_motionseg/napari.yaml", "napari_motionseg/samples/synthetic-angiogram.dcm",
    "scripts/check.sh", "tests/conftest.py",
    "tests/io/test_reading.py",
)  # fmt: skip
FORBIDDEN = re.compile(
    r"__pycache__|\.py[cod]$|\.(ruff|mypy|pytest|import_linter)_cache|\.hypothesis"
    r"|\.venv/|(^|/)site/|demo-out|\.git/|\.state\.safetensors$"
    # no DICOM file but the synthetic samples
    r"|^(?!napari_motionseg/samples/).*\.dcm$"
)
Sizes = Mapping[str, int]


def read_wheel(path: Path) -> dict[str, int]:
    """Return the bytes of each file in a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {item.filename: item.file_size for item in archive.infolist()}


def read_sdist(path: Path) -> dict[str, int]:
    """Return the bytes of each file in a source archive, without its top folder."""
    with tarfile.open(path) as archive:
        files = [item for item in archive.getmembers() if item.isfile()]
    return {item.name.partition("/")[2]: item.size for item in files}


def find_faults(
    sizes: Sizes, wanted: tuple[str, ...], tops: tuple[str, ...]
) -> list[str]:
    """Return what is missing from an archive, and what should not be in it.

    Parameters
    ----------
    sizes
        Bytes of each file.
    wanted
        Files that must be there; ``*`` stands for any characters.
    tops
        Regular expressions of the folders at the top; empty allows any.
    """
    faults = []
    for pattern in wanted:
        shape = re.compile(re.escape(pattern).replace(r"\*", ".*"))
        if not any(shape.fullmatch(name) for name in sizes):
            faults.append(f"missing: {pattern}")
    for name in sizes:
        if FORBIDDEN.search(name):
            faults.append(f"should not be there: {name}")
        top = name.partition("/")[0]
        if tops and not any(re.fullmatch(each, top) for each in tops):
            faults.append(f"beside the package: {name}")
    return faults


def summarize(sizes: Sizes) -> list[str]:
    """Return a line for each folder two levels deep: files and kilobytes."""
    groups: dict[str, list[int]] = defaultdict(list)
    for name, size in sizes.items():
        folders = name.split("/")[:-1][:2]
        groups["/".join(folders) + "/" if folders else name].append(size)
    return [
        f"  {len(found):4d} files {sum(found) / 1024:9.1f} KB  {group}"
        for group, found in sorted(groups.items())
    ]


def examine(path: Path) -> list[str]:
    """Print the contents of an archive and return its faults."""
    is_wheel = path.suffix == ".whl"
    sizes = read_wheel(path) if is_wheel else read_sdist(path)
    print(f"{path.name}: {path.stat().st_size / MEGABYTE:.1f} MB, {len(sizes)} files")
    print("\n".join(summarize(sizes)))
    if is_wheel:
        faults, most = find_faults(sizes, WHEEL_HAS, WHEEL_TOPS), LARGEST_WHEEL
    else:
        faults, most = find_faults(sizes, SDIST_HAS, ()), LARGEST_SDIST
    if path.stat().st_size > most:
        faults.append(f"larger than {most // MEGABYTE} MB")
    return [f"{path.name}: {fault}" for fault in faults]


def main() -> int:
    """Examine every archive of a folder; return 1 if one has a fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="what python -m build has filled")
    folder = parser.parse_args().folder
    archives = sorted([*folder.glob("*.whl"), *folder.glob("*.tar.gz")])
    faults = [fault for path in archives for fault in examine(path)]
    if not {".whl", ".gz"} <= {path.suffix for path in archives}:
        faults.append(f"{folder}: holds no wheel or no source archive")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
