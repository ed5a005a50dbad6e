"""A short fuzz over all readers, the same on every machine; the long one is by hand."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parent.parent / "scripts" / "fuzz_readers.py"
CASES = 3  # for each of the readers


def run(*words):
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_no_reader_ends_in_anything_but_a_result_or_our_error(tmp_path):
    """Valid inputs are read; of damaged ones each is read or refused."""
    ended = run("--count", CASES, "--seed", 20, "--workers", 1, "--seconds", 120,
                "--json", tmp_path / "counts.json", "--minutes", 30,
                "--findings", tmp_path / "findings")  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    counts = json.loads((tmp_path / "counts.json").read_text())["fuzz"]["counts"]
    assert len(counts) == 16
    for name, ends in counts.items():
        assert set(ends) <= {"read", "refused"}, name
        assert ends["read"] > 0, name
        assert sum(ends.values()) > CASES, name
    assert not (tmp_path / "findings").exists()


def test_a_finding_is_counted_kept_and_replayed(tmp_path):
    """The fuzz itself notices: a foreign error, and a process that dies."""
    from fuzz_readers import Run, Worker, options_of

    options = options_of(["--seconds", "60", "--findings", str(tmp_path / "kept")])
    worker = Worker(options, tmp_path / "log")
    worker.start()
    try:
        gone = {"reader": "no such reader", "seed": 0, "number": 0, "file": __file__}
        ended = worker.ask({**gone, "room": str(tmp_path), "seeds": ""})
        assert ended["end"] == "wrong type"
        assert "KeyError" in ended["why"]
        worker.process.kill()
        worker.process.wait()
        assert worker.ask({**gone, "room": str(tmp_path)})["end"] == "wrong type"
        seen = Run(options, tmp_path)
        seen._note(gone, {"end": "wrong type", "seconds": 0.1})
    finally:
        worker.stop()
    assert seen.counts["no such reader"] == {"wrong type": 1}
    assert seen.findings[0]["case"] == "no such reader:0:0"
    assert [p.name for p in (tmp_path / "kept").iterdir()] == ["no_such_reader-0-0"]


def test_the_same_seed_gives_the_same_damage(tmp_path):
    from fuzz.cases import make_case
    from fuzz.seeds import build

    build(tmp_path / "seeds", ["tiff", "labels"])
    made = []
    for turn in ("first", "second"):
        for number in range(8):
            for reader in ("tiff", "labels"):
                room = tmp_path / turn / f"{reader}{number}"
                room.mkdir(parents=True)
                case = make_case(tmp_path / "seeds", reader, 3, number, room)
                files = sorted(p for p in room.rglob("*") if p.is_file())
                made.append((case.name, [p.read_bytes() for p in files]))
    assert made[: len(made) // 2] == made[len(made) // 2 :]


def test_damage_is_damage():
    from fuzz.damage import damage_bytes
    from numpy.random import default_rng

    content = bytes(range(256)) * 4
    changed = [damage_bytes(default_rng(n), content) != content for n in range(50)]
    assert sum(changed) >= 45
