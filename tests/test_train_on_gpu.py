"""The script for a borrowed GPU: order of its work, taking up, parts of the weights."""

import hashlib
import os
import stat
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts" / "train_on_gpu.sh"
# stands for Python: notes its words, and writes what --out names
STUB = """#!/usr/bin/env bash
echo "$@" >>"$NOTES"
out=
while [ $# -gt 0 ]; do [ "$1" != --out ] || out=$2; shift; done
[ -z "$out" ] || head -c 50000 /dev/zero | tr '\\0' 'w' >"$out"
[ -z "$out" ] || touch "${out%.safetensors}.state.safetensors"
exit "${STUB_CODE:-0}"
"""


@pytest.fixture
def go(tmp_path):
    """Return a function that runs the script and returns the words of each command."""
    stub, notes = tmp_path / "python", tmp_path / "notes"
    stub.write_text(STUB)
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)

    def run(*words, **more):
        notes.write_text("")
        environment = {
            **os.environ, "PYTHON": str(stub), "NOTES": str(notes), "DRY": "1", **more,
        }  # fmt: skip
        done = subprocess.run(
            [str(SCRIPT), *words],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, notes.read_text().splitlines()

    return run


def test_benchmarks_come_before_the_training_and_weights_in_parts(go, tmp_path):
    out = tmp_path / "out"
    done, commands = go("1", str(out))
    assert done.returncode == 0, done.stderr
    assert "benchmarks/train.py" in commands[0]
    trainings = [c for c in commands if "train-masks" in c]
    assert len(trainings) == 3  # two short ones tell how many steps fit
    assert commands[-1] == trainings[-1]
    assert "--resume" not in trainings[-1]
    parts = sorted(out.glob("vessels.safetensors.part-*"))
    assert len(parts) == 3
    joined = b"".join(part.read_bytes() for part in parts)
    told = (out / "vessels.safetensors.sha256").read_text().split()[0]
    assert hashlib.sha256(joined).hexdigest() == told


def test_a_second_run_takes_up_the_first_with_the_same_steps(go, tmp_path):
    out = tmp_path / "out"
    _, first = go("1", str(out))
    done, second = go("30", str(out))
    assert done.returncode == 0, done.stderr
    assert len(second) == 1  # rows are done, and the number of steps is known
    assert "--resume" in second[0]

    def steps(words):
        return words.split("--steps ")[1].split()[0]

    assert steps(second[0]) == steps(first[-1])


def test_a_benchmark_that_fails_does_not_cost_the_training(go, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "steps").write_text("7\n")
    done, commands = go("1", str(out), STUB_CODE="1")
    assert "FAILED (1)" in done.stdout
    assert "train-masks" in commands[-1]
    assert (out / "vessels.safetensors.sha256").exists()


def test_without_a_gpu_it_says_how_to_try_it(go, tmp_path):
    done, _ = go("1", str(tmp_path / "out"), DRY="", STUB_CODE="1")
    assert done.returncode == 1
    assert "DRY=1" in done.stdout


def test_without_a_time_it_explains_itself(go):
    done, commands = go()
    assert done.returncode == 2
    assert "usage" in done.stdout
    assert not commands
