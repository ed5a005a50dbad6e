"""Export masks as files, an overlay on the loop, or a report."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtWidgets import QHBoxLayout, QMessageBox

from napari_motionseg.contributions import write_labels
from napari_motionseg.errors import SettingsError
from napari_motionseg.io.archive_storage import Stored
from napari_motionseg.io.label_numbers import CLASSES
from napari_motionseg.io.segment_codes import known_name
from napari_motionseg.jobs import Job, Progress
from napari_motionseg.measurement.loop_vessel import LoopVessel
from napari_motionseg.report.exporting import (
    Result,
    capture_job,
    overlay_job,
    report_job,
    segmentation_job,
)
from napari_motionseg.viewmodel.archive_state import sending_job
from napari_motionseg.viewmodel.export_settings import ExportSettings, fractions_of
from napari_motionseg.widgets.common.archive_access import archive_of
from napari_motionseg.widgets.common.choosers import LayerChooser
from napari_motionseg.widgets.common.dock_layout import Dock, button
from napari_motionseg.widgets.common.form_rows import Choice, Switch
from napari_motionseg.widgets.common.project_layers import (
    SEGMENTS,
    background_of,
    class_numbers,
    is_network_masks,
    kind_of,
    loop_layer_of,
)
from napari_motionseg.widgets.common.save_dialog import ask_target
from napari_motionseg.widgets.common.settings_form import SettingsForm
from napari_motionseg.widgets.common.viewers import errors_shown
from napari_motionseg.widgets.common.write_bar import PanelWords, WritingPanel

MASKS = ";;".join(
    (
        "NumPy (*.npz)",
        "TIFF stack (*.tiff)",
        "PNG, a folder of frames (*.png)",
        "NIfTI (*.nii.gz)",
        "DICOM SEG, with the patient's name (*.dcm)",
    )
)
MOVIES = ";;".join(
    (
        "Movie (*.mp4)",
        "Animated GIF (*.gif)",
        "DICOM secondary capture, with the patient's name (*.dcm)",
    )
)
DICOM = ".dcm"
PAGES = "Web page (*.html)"
ROWS = {
    "filled": Choice(
        label="Drawn as",
        tooltip="How masks are drawn in the overlay and in the report",
        items={"Outline": False, "Tinted": True},
    ),
    "kind": Choice(
        label="DICOM SEG as",
        tooltip="How a DICOM Segmentation stores the masks",
        items={
            "Binary": "BINARY",
            "Label map": "LABELMAP",
            "Probabilities": "FRACTIONAL",
        },
        tips=(
            "One bit for each pixel and class; all viewers can read it",
            "One number for each pixel; small, but few viewers know it yet",
            "Probabilities of the network in steps of 1/255; painted masks are 0 or 1",
        ),
    ),  # fmt: skip
    "oriented": Switch(
        label="",
        text="With an orientation, for OHIF",
        tooltip="OHIF shows no DICOM SEG without an orientation of its rows and "
        "columns, which an X-ray projection does not have",
    ),
}
SENDING = PanelWords("Sending: {}", "", "Nothing was sent. {}", "Cancelled.", "End now")


class ExportSection:
    """Write the masks, an overlay or a report: three buttons and their settings.

    Parameters
    ----------
    dock
        The dock that the section belongs to.
    reference
        The chooser of the labels that the report compares the masks with.
    """

    def __init__(self, dock: Dock, reference: LayerChooser) -> None:
        self._dock, self._viewer = dock, dock.viewer
        self._reference = reference
        form = dock.section("Export")
        self.masks = LayerChooser(
            self._viewer, lambda x: kind_of(x) is not None,
            "The masks that are written", prefers=is_network_masks,
        )  # fmt: skip
        self.settings = SettingsForm(ExportSettings(), ROWS)
        form.addRow("Masks", self.masks)
        self.settings.add_to(form)
        row = QHBoxLayout()
        self.buttons = {}
        for name, tip, slot in (
            ("Masks…", "As .npz, TIFF, PNG, NIfTI or DICOM SEG", self._write_masks),
            ("Overlay…", "The loop with its masks drawn in, as MP4, GIF or DICOM",
             self._write_overlay),
            ("Report…", "One HTML page: the result frame by frame, its agreement with "
             "the reference chosen above, and where it comes from", self._write_report),
        ):  # fmt: skip
            self.buttons[name] = button(name, tip)
            self.buttons[name].clicked.connect(slot)
            row.addWidget(self.buttons[name])
        form.addRow(row)
        self.send_button = button(
            "Send to archive…",
            "Send the masks as DICOM SEG to the archive of the Archive dock",
        )
        self.send_button.clicked.connect(self._send)
        form.addRow(self.send_button)
        self.panel = WritingPanel()
        self.panel.finished.connect(self._sent)
        self.panel.ended.connect(self._enable)
        form.addRow(self.panel)
        self.masks.follow(is_network_masks)
        self.masks.layer_changed.connect(lambda _: self._enable())
        self._enable()

    def _enable(self) -> None:
        able = self.masks.layer is not None and not self.panel.running
        for one in (*self.buttons.values(), self.send_button):
            one.setEnabled(able)

    def _write_masks(self) -> None:
        layer = self.masks.layer
        target = self._target("masks", ".npz", MASKS)
        if layer is None or target is None:
            return
        if target.suffix.lower() == DICOM:
            with errors_shown():
                self._start(self._segmentation_job(layer, target))
        else:
            metadata = {**layer.metadata, "cine": self._cine(layer)}
            self._start(_masks_job(str(target), layer.data, {"metadata": metadata}))

    def _segmentation_job(self, layer: Labels, target: Path) -> Job[Path]:
        # the first name is that of the background
        classes = layer.metadata.get(CLASSES, ())[1:]
        # a loaded DICOM Segmentation keeps the names of its segments
        names = [known_name(x) for x in classes]
        names = names or [str(x) for x in layer.metadata.get(SEGMENTS, ())]
        painted = not is_network_masks(layer)
        done = layer.metadata.get("done")
        return segmentation_job(
            self._result(), target, done, names=names, painted=painted,
            kind=self.settings().kind, fractions=self._fractions(layer),
            oriented=self.settings().oriented,
        )  # fmt: skip

    def _fractions(self, layer: Labels) -> dict[int, Any] | None:
        """Return the probabilities of the masks; None where they are not known."""
        known = self._dock.session.mask_probabilities.get(layer)
        return None if known is None else fractions_of(known, _classes(layer))

    def _send(self) -> None:
        layer = self.masks.layer
        archive = archive_of(self._viewer)
        if layer is None:
            return
        with errors_shown():
            settings = archive.settings()
            made = self._segmentation_job(layer, Path("object.dcm"))
            made.close()  # what is missing is told before the question
            if self._may_send(layer, settings.address):
                job = sending_job(settings, partial(self._segmentation_job, layer))
                self.panel.start(job, SENDING)
                self._enable()

    def _may_send(self, layer: Labels, address: str) -> bool:
        answer = QMessageBox.question(
            self._dock,
            "Send to the archive?",
            f"{layer.name} becomes a DICOM Segmentation of the loop's study in "
            f"{address}.\n\nIt carries the patient's name, and others will see it.",
        )
        return answer == QMessageBox.StandardButton.Yes

    def _sent(self, result: Any) -> None:
        if isinstance(result, Stored):
            self.panel.say(f"Sent; the archive has the object {result.instance}")

    def _write_overlay(self) -> None:
        target = self._target("overlay", ".mp4", MOVIES)
        if target is not None:
            with errors_shown():
                dicom = target.suffix.lower() == DICOM
                job = capture_job if dicom else overlay_job
                self._start(job(self._result(), target))

    def _write_report(self) -> None:
        target = self._target("report", ".html", PAGES)
        if target is not None:
            with errors_shown():
                self._start(report_job(self._result(), target))

    def _start(self, job: Job[Any]) -> None:
        self.panel.start(job)
        self._enable()

    def _target(self, what: str, suffix: str, kinds: str) -> Path | None:
        layer = self.masks.layer
        loop = None if layer is None else loop_layer_of(self._viewer, layer)
        stem = "loop" if loop is None else loop.name
        return ask_target(
            self._dock, f"Export the {what}", f"{stem}_{what}{suffix}", kinds
        )

    def _cine(self, layer: Labels) -> Any:
        loop = loop_layer_of(self._viewer, layer)
        return None if loop is None else self._dock.session.loop(loop).cine

    def _result(self) -> Result:
        """Return what is exported, with all that the page tells of it."""
        layer = self.masks.layer
        cine = None if layer is None else self._cine(layer)
        if layer is None or cine is None or layer.ndim != 3:
            raise SettingsError(
                "these masks lie on no loop of the same size: open the loop first"
            )
        reference = self._reference.layer
        return Result(
            cine=cine,
            masks=_classes(layer),
            painted=self._painted(layer, reference),
            reference=None if reference is None else _classes(reference),
            models=self._models(layer),
            colors=colors_of(layer),
            filled=self.settings().filled,
            vessels=tuple(self._vessels(layer)),
        )

    def _vessels(self, layer: Labels) -> list[LoopVessel]:
        """Return the vessels that the Measure dock has measured in the loop."""
        loop = loop_layer_of(self._viewer, layer)
        known = self._dock.session.measured_vessels
        return [] if loop is None else known.get(loop, [])

    def _painted(self, masks: Labels, reference: Any) -> Any:
        """Return what was painted on the loop, to tell which frames were labelled."""
        others = [
            layer.data
            for layer in self._viewer.layers
            if kind_of(layer) == "labels"
            and layer not in (masks, reference)
            and layer.data.shape == masks.data.shape
        ]
        return np.asarray(others[-1]) if others else None

    def _models(self, masks: Labels) -> tuple[Path, ...]:
        """Return the file of the network that made the masks, else of the last one."""
        models = [m for m in self._dock.session.models if m.kind == "segmentation"]
        made = [m for m in models if m.path.name == masks.metadata.get("model")]
        return tuple(m.path for m in (made or models)[-1:] if m.path.is_file())


def colors_of(layer: Labels) -> dict[int, tuple[int, int, int]]:
    """Return the colours that a layer shows its classes in."""
    found = {}
    for label in range(1, 10):
        color = layer.get_color(label)
        red, green, blue = (round(255 * float(c)) for c in color[:3])
        found[label] = (red, green, blue)
    return found


def _classes(layer: Labels) -> Any:
    return class_numbers(layer.data, background_of(layer))


def _masks_job(path: str, data: Any, attributes: dict[str, Any]) -> Job[str]:
    yield Progress(0, 1, Path(path).name)
    return write_labels(path, data, attributes)[0]
