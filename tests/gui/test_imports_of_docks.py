"""Opening loops and docks loads no torch in the thread of the window.

torch takes seconds to import, in which the window would not answer. Each test runs in a
process of its own, because other tests have imported everything.
"""

import subprocess
import sys
import textwrap
import threading
import time

from napari_motionseg.widgets.cine.dock import CineDock
from napari_motionseg.widgets.common import early_imports
from napari_motionseg.widgets.segment import apply_section
from napari_motionseg.widgets.segment.dock import SegmentDock

# each takes a tenth of a second or more, and no dock needs it to open
HEAVY = {
    "torch",
    "monai",
    "zarr",
    "matplotlib.figure",
    "pydicom.sr.codedict",
    "scipy.stats",
    "skimage.feature",
    "skimage.filters",
    "skimage.segmentation",
}


def answers(code):
    """Run code in a new process and return the lines that it prints."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_no_command_of_the_manifest_imports_what_is_heavy():
    loaded = answers("""
        import sys
        import napari.viewer
        from npe2 import PluginManifest
        from pkgutil import resolve_name

        before = set(sys.modules)
        manifest = PluginManifest.from_distribution("napari-motionseg")
        resolve_name(manifest.on_activate)
        for command in manifest.contributions.commands:
            resolve_name(command.python_name)
        print(*sys.modules.keys() - before)
        """)
    assert "napari_motionseg.widgets.segment.dock" in loaded
    assert not HEAVY & loaded


def test_a_thread_imports_torch_when_loop_and_docks_are_opened():
    said = answers("""
        import sys, threading, time
        from napari.viewer import Viewer
        from qtpy.QtWidgets import QApplication

        class Watch:
            def find_spec(self, name, path=None, target=None):
                if name == "torch":
                    print(threading.current_thread() is threading.main_thread())

        sys.meta_path.insert(0, Watch())
        viewer = Viewer(show=False)
        viewer.open_sample("napari-motionseg", "synthetic-angiogram")
        docks = "Cine", "Motion", "Embedding", "Segment", "Guide", "Measure", "Project"
        for name in docks:
            dock, widget = viewer.window.add_plugin_dock_widget(
                "napari-motionseg", name
            )
        from napari_motionseg.models.torch_loading import torch_is_loaded

        end = time.time() + 120
        while not torch_is_loaded() and time.time() < end:
            QApplication.processEvents()
            time.sleep(0.01)
        print("loaded" if torch_is_loaded() else "missing")
        viewer.close()
        """)
    assert said == {"False", "loaded"}


def test_a_thread_imports_what_the_first_dock_and_the_first_labels_need():
    said = answers("""
        import sys, threading
        import numpy as np
        from napari.viewer import Viewer

        awaited = {
            "napari_motionseg.widgets.segment.dock", "pandas",
            "skimage.color.colorconv", "pyqtgraph",
        }

        class Watch:
            def find_spec(self, name, path=None, target=None):
                if name in awaited:
                    here = threading.current_thread() is threading.main_thread()
                    print(f"{name}:{here}")

        sys.meta_path.insert(0, Watch())
        viewer = Viewer(show=False)
        viewer.open_sample("napari-motionseg", "synthetic-angiogram")
        for thread in threading.enumerate():
            if thread.name == "motionseg imports":
                thread.join(120)
        viewer.window.add_plugin_dock_widget("napari-motionseg", "Segment")
        viewer.add_labels(np.zeros((4, 4), np.uint8), colormap={None: "red"})
        viewer.close()
        """)
    assert not any(word.endswith(":True") for word in said)
    assert said >= {
        f"{name}:False"
        for name in (
            "napari_motionseg.widgets.segment.dock", "pandas",
            "skimage.color.colorconv", "pyqtgraph",
        )
    }  # fmt: skip


def test_a_dock_without_a_curve_makes_no_plot():
    said = answers("""
        import sys
        from napari.viewer import Viewer
        from napari_motionseg.widgets.segment.dock import SegmentDock
        from napari_motionseg.widgets.motion.dock import MotionDock

        viewer = Viewer(show=False)
        docks = [SegmentDock(viewer), MotionDock(viewer)]
        print("pyqtgraph" in sys.modules)
        viewer.close()
        """)
    assert said == {"False"}


def test_pictures_of_docks_find_imported_what_they_need():
    """After a large import in a thread, a garbage collection stops the window."""
    loaded = answers("""
        import sys
        import numpy as np
        import napari.viewer
        from napari_motionseg.embedding.first_anchor import vessel_pixel
        from napari_motionseg.measurement import centreline
        from napari_motionseg.widgets.common.early_imports import import_early

        import_early().join()
        before = set(sys.modules)
        frame = np.random.default_rng(0).random((24, 24))
        vessel_pixel(frame, None)
        cost = centreline.vessel_cost(frame)
        centreline.trace_centreline(cost, [(4, 4), (18, 18)])
        print(*sys.modules.keys() - before)
        """)
    assert not [name for name in loaded if name.startswith(("scipy", "skimage"))]


def test_imports_wait_while_a_dock_is_opened(dock, monkeypatch, qtbot):
    begun, go_on, loaded = threading.Event(), threading.Event(), []

    def load(name):
        loaded.append((name, time.monotonic()))
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(early_imports, "MODULES", ("first", "second", "third"))
    monkeypatch.setattr(early_imports.importlib, "import_module", load)
    monkeypatch.setattr(early_imports, "HOLD_S", 0.4)
    thread = early_imports.import_early()
    assert begun.wait(60)
    dock(CineDock)
    opened = time.monotonic()
    go_on.set()
    thread.join(60)
    assert [name for name, _ in loaded] == ["first", "second", "third"]
    assert loaded[1][1] >= opened
    assert loaded[1][1] >= thread._resume_at


def test_masks_wait_for_what_their_layer_needs(dock, loop_layer, monkeypatch, qtbot):
    segment, pending = dock(SegmentDock), [True]
    monkeypatch.setattr(apply_section, "labels_need_imports", lambda: pending[0])
    begun = []
    segment.apply._beginning = lambda: begun.append(pending[0])
    segment.apply._begin_soon.start(0)
    qtbot.wait(100)
    assert not begun
    pending[0] = False
    qtbot.waitUntil(lambda: begun == [False], timeout=60_000)


def test_labels_wait_only_while_their_modules_are_imported(monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def load(name):
        begun.set()
        go_on.wait(60)

    monkeypatch.setattr(early_imports.importlib, "import_module", load)
    monkeypatch.setattr(early_imports, "MODULES", early_imports.OF_LABELS)
    assert not early_imports.labels_need_imports()
    thread = early_imports.import_early()
    assert begun.wait(60)
    assert early_imports.labels_need_imports()
    go_on.set()
    thread.join(60)
    assert not early_imports.labels_need_imports()
