"""What the container runs: from a folder or an archive to segmentations."""

import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import seg_loops
from helpers.web_archive import serving

from napari_motionseg.io.dicom_seg_writer import write_segmentation

ROOT = Path(__file__).parents[1]
ENTRY = ROOT / "container" / "entrypoint.sh"
REAL = f'"{sys.executable}" -m napari_motionseg "$@"'
pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Run the entry point with a `motionseg` of this environment in the PATH."""
    program = tmp_path / "bin" / "motionseg"
    program.parent.mkdir()

    def run(*words, command, **variables):
        program.write_text(f"#!/usr/bin/env bash\n{command}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", str(program.parent), prepend=":")
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        return subprocess.run(
            ["bash", str(ENTRY), *map(str, words)],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip

    return run


@pytest.fixture
def loop(tmp_path):
    """A folder with a loop, and next to it masks of the loop."""
    folder = tmp_path / "in"
    folder.mkdir()
    cine, _ = seg_loops.loop(folder, PatientID="ID7")
    masks, labelled = seg_loops.masks()
    write_segmentation(tmp_path / "seg.dcm", cine, masks, labelled=labelled)
    return folder / "loop.dcm"


def test_an_archive_gets_segmentations_of_its_loops(start, loop, tmp_path):
    """Getting and sending are real; the masks are ready, to save importing torch."""
    command = f"""
if [ "$1" = segment ]; then
  ls "$2"/*/*.dcm && mkdir -p "$8" && cp "{tmp_path}/seg.dcm" "$8"
else {REAL}; fi"""
    with serving() as web:
        web.add(loop)
        done = start(
            web.address, command=command, FIND="--patient ID7", TMPDIR=tmp_path
        )
        assert done.returncode == 0, done.stderr
        ((data, content),) = [x for x in web.objects.values() if x[0].Modality == "SEG"]
        assert content == (tmp_path / "seg.dcm").read_bytes()
        assert data.PatientID == "ID7"
        assert not list(tmp_path.glob("tmp.*"))  # no loop stays behind


SAY = 'printf "%s " "$@"; echo'


@pytest.mark.parametrize(
    "names",
    [
        ("INPUT", "OUTPUT"),
        ("MERCURE_IN_DIR", "MERCURE_OUT_DIR"),
        ("HOLOSCAN_INPUT_PATH", "HOLOSCAN_OUTPUT_PATH"),
    ],
)
def test_runners_name_folders_in_their_own_way(start, loop, names):
    folders = {names[0]: loop.parent, names[1]: "results"}
    done = start(command=SAY, MODEL="m.safetensors", SEGMENT="--smooth", **folders)
    assert done.stdout.split() == [
        "segment", str(loop.parent), "--model", "m.safetensors", "--format",
        "dicom-seg", "--out", "results", "--smooth",
    ]  # fmt: skip


def test_what_failed_is_told_and_the_rest_is_sent(start):
    """A loop of two fails in segment."""
    command = """
echo "$1 $2"
if [ "$1" = segment ]; then mkdir -p "$8"; touch "$8/one.dcm"; exit 2; fi"""
    done = start("https://pacs.example/x", command=command, FIND="--patient 1")
    assert done.stdout.splitlines()[0] == "archive get"
    assert done.stdout.splitlines()[-1] == "archive put"
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [(("no-folder",), "is no folder"), (("https://pacs.example/x",), "set FIND")],
)
def test_bad_input_ends_with_one_line(start, words, said):
    done = start(*words, command=SAY)
    assert done.returncode == 2
    assert said in done.stderr
    assert not done.stdout


def test_help_is_the_head_of_the_script(start):
    done = start("--help", command=SAY)
    assert done.stdout.startswith("Segment loops")
    assert "FIND=" in done.stdout


def test_the_recipe_copies_what_the_package_needs():
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    recipe = (ROOT / "container" / "Dockerfile").read_text()
    for name in ("constraints.txt", "container/entrypoint.sh", "pyproject.toml"):
        assert f"!{name}" in kept
        assert (ROOT / name).exists()
    assert "USER 10001" in recipe
