"""Walk from a DICOMweb archive to strokes and back to the archive, in the real window.

Makes docs/images/archive_open.png and archive_send.png. The archive is a real Orthanc
on this computer, as `scripts/dicom_tools.sh` unpacks it; its loop is synthetic.

xvfb-run -a -s "-screen 0 1366x768x24" python scripts/screenshot_archive.py
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("MOTIONSEG_CACHE", "off")
sys.path.append(str(Path(__file__).parents[1] / "tests"))

import numpy as np
import pytest
from helpers import orthanc
from pydicom import dcmread
from qtpy.QtCore import QPoint, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox
from real_window import LEFT, RealWindow, as_picture
from scipy import ndimage
from stroke_routes import EDGE, vessel_routes

from napari_motionseg.contributions import SAMPLES
from napari_motionseg.io import read_cine, read_labels
from napari_motionseg.io.dicom_seg_reader import read_segmentation
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.widgets.common.archive_access import archive_of
from napari_motionseg.widgets.common.open_docks import docks_of, open_dock

SIZE = 1366, 768
STEPS = 40  # of training: enough for a picture
PATIENT = {
    "PatientID": "SYN-0001", "PatientName": "Synthetic^Loop", "StudyDate": "20261128",
    "StudyTime": "101500", "SeriesDescription": "Left coronary",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sample = SAMPLES / "synthetic-angiogram.dcm"
    cine = read_cine(sample)
    truth = read_labels(sample.with_suffix(".npz"), shape=cine.shape).labels > 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_xa(folder / "loop.dcm", cine, extra=PATIENT)
        with archive(folder / "orthanc") as address:
            orthanc.store(address, folder / "loop.dcm")
            os.environ["MOTIONSEG_DICOMWEB"] = address
            os.environ["MOTIONSEG_STATE"] = str(folder / "state")
            walk = Walk(truth, folder, given.out)
            walk.search_and_open()
            walk.paint_and_segment()
            walk.send()
            check(address, folder)
            walk.viewer.close()


@contextmanager
def archive(folder: Path) -> Iterator[str]:
    """Run an empty Orthanc; where there is none, say so and end."""
    folder.mkdir()
    try:
        running = orthanc.running(folder)
        address = running.__enter__()
    except pytest.skip.Exception as error:
        raise SystemExit(f"no picture of the Archive dock: {error}") from error
    try:
        yield address
    finally:
        running.__exit__(None, None, None)


class Walk(RealWindow):
    """The way of a user.

    Parameters
    ----------
    truth
        True vessels ``(T, H, W)``, along which strokes are painted.
    folder
        Folder in which the loops of the archive are kept.
    out
        Folder for the pictures.
    """

    def __init__(self, truth: np.ndarray, folder: Path, out: Path) -> None:
        super().__init__(SIZE)
        self.window.show()
        self.settle(1)
        self.truth, self.out = truth, out
        self.frame = int(truth.reshape(len(truth), -1).sum(axis=1).argmax())
        archive_of(self.viewer).folder = folder / "MotionSeg loops"

    def menu(self, *words: str) -> None:
        """Click through napari's own menus."""
        menu = self.viewer.window.main_menu
        for word in words:
            action = next(
                a for a in menu.actions() if a.text().replace("&", "").startswith(word)
            )
            QTest.mouseClick(menu, LEFT, pos=menu.actionGeometry(action).center())
            self.settle(0.3)
            menu = action.menu() or menu
        self.settle(0.5)

    def search_and_open(self) -> None:
        """Open the dock from the File menu, search, and open what was found."""
        self.menu("File", "IO Utilities", "Archive")
        self.wait(lambda: bool(docks_of(self.viewer)))
        (dock,) = docks_of(self.viewer).values()
        self.docks["Archive"] = dock
        dock.banner.hide()
        QTest.keyClicks(dock.patient, "SYN*")
        self.click(dock.search_button)
        self.wait(lambda: not dock.panel.running)
        print(dock.panel.status.text())
        self.click(dock.open_button)
        self.wait(lambda: not dock.panel.running)
        print(dock.panel.status.text(), [layer.name for layer in self.viewer.layers])
        self.show(self.frame)
        self.shoot(self.out / "archive_open.png")

    def paint_and_segment(self) -> None:
        """Draw strokes, train shortly, and segment all frames."""
        dock = self.docks["Segment"] = open_dock(self.viewer, "Segment")
        dock.banner.hide()
        self.home()
        self.show(self.frame)
        self.click(dock.paint.brushes[1])
        for route in vessel_routes(self.truth[self.frame], 3):
            for _ in self.drag(route):
                pass
        self.click(dock.paint.brushes[0])
        for _ in self.drag(background_route(self.truth[self.frame])):
            pass
        self.wait(lambda: not dock.live.latest.busy)
        dock.train.steps.setValue(STEPS)
        self.click(dock.train.train_button)
        self.wait(lambda: not dock.panel.running)
        self.click(dock.apply.apply_button)
        self.wait(lambda: not dock.panel.running)
        print([layer.name for layer in self.viewer.layers])

    def send(self) -> None:
        """Send the masks from the Project dock, and answer its question."""
        dock = self.docks["Project"] = open_dock(self.viewer, "Project")
        self.settle(0.5)
        asked: list[str] = []
        timer = QTimer()
        timer.timeout.connect(lambda: self._agree(asked))
        timer.start(300)
        self.click(dock.export.send_button)
        self.wait(lambda: bool(asked) and not dock.export.panel.running)
        timer.stop()
        print(asked, dock.export.panel.status.text(), sep="\n")
        dock.ensureWidgetVisible(dock.export.panel)
        self.shoot(self.out / "archive_send.png")

    def _agree(self, asked: list[str]) -> None:
        box = QApplication.activeModalWidget()
        if isinstance(box, QMessageBox) and not asked:
            asked.append(box.text())
            as_picture(box.grab().toImage()).save(self.out / "archive_question.png")
            yes = box.button(QMessageBox.StandardButton.Yes)
            QTest.mouseClick(yes, LEFT, pos=QPoint(10, 10))


def background_route(vessel: np.ndarray) -> np.ndarray:
    """Return a short line ``(N, 2)`` far from all vessels of a frame ``(H, W)``."""
    room = ndimage.distance_transform_edt(~vessel)
    room[:EDGE], room[-EDGE:], room[:, :EDGE], room[:, -EDGE:] = 0, 0, 0, 0
    row, column = np.unravel_index(room.argmax(), room.shape)
    reach = room.max() / 2
    columns = np.linspace(column - reach, column + reach, 12)
    return np.stack([np.full(12, row), columns], axis=1)


def check(address: str, folder: Path) -> None:
    """Ask the archive what it has, and compare it with the window's masks."""
    (study,) = orthanc.query(address, "/studies?PatientID=SYN-0001")
    uid = study["0020000D"]["Value"][0]
    series = orthanc.query(address, f"/studies/{uid}/series?Modality=SEG")
    home = f"/studies/{uid}/series/{series[0]['0020000E']['Value'][0]}"
    (content,) = orthanc.retrieve(address, home)
    data = dcmread(io.BytesIO(content))
    (folder / "back.dcm").write_bytes(content)
    (loop,) = (folder / "MotionSeg loops").rglob("*.dcm")
    found = read_segmentation(folder / "back.dcm", read_cine(loop))
    print(
        f"Orthanc has {len(series)} SEG in the study: {data.SegmentationType}, "
        f"{int(found.labelled.sum())} frames, {int((found.labels > 0).sum())} pixels, "
        f"segments {[s.label for s in found.segments]}, of {data.PatientID}"
    )


if __name__ == "__main__":
    main()
