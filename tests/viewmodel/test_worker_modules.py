"""A worker that stands ready has imported what jobs of the docks need."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

from napari_motionseg import widgets
from napari_motionseg.viewmodel.archive_state import opening_job, search_job
from napari_motionseg.viewmodel.layer_jobs import (
    flow_layer_job,
    segment_layer_job,
    units_job,
)
from napari_motionseg.viewmodel.measure_jobs import follow_layer_job
from napari_motionseg.viewmodel.training_jobs import (
    adapt_flow_layer_job,
    finetune_layer_job,
    pretrain_layer_job,
)
from napari_motionseg.viewmodel.worker_modules import WORKER_MODULES

JOBS = (
    adapt_flow_layer_job,
    finetune_layer_job,
    flow_layer_job,
    follow_layer_job,
    opening_job,
    pretrain_layer_job,
    search_job,
    segment_layer_job,
    units_job,
)


def test_a_worker_knows_the_jobs_and_no_window():
    """No job of a dock lies in `widgets`: its worker would import napari and Qt."""
    code = "import importlib, sys\n" + "".join(
        f"importlib.import_module({name!r})\n" for name in WORKER_MODULES
    )
    code += "print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert {inspect.getmodule(job).__name__ for job in JOBS} <= loaded
    assert "torch" in loaded
    assert not {"napari", "qtpy", "napari_motionseg.widgets"} & loaded


def test_every_job_that_docks_start_is_known():
    imported = set()
    for path in Path(widgets.__file__).parent.rglob("*.py"):
        if path.name == "export_section.py":
            continue  # these jobs write files, in a thread of the window
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = [alias.name for alias in node.names]
                imported |= {name for name in names if name.endswith("_job")}
    assert imported == {job.__name__ for job in JOBS}
