"""Write one HTML page about a run: pictures, curves, numbers, provenance.

The page contains everything that it shows. It needs no network and no script, and is
readable in light and dark mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_motionseg.lazy_names import lazy_names

if TYPE_CHECKING:
    from napari_motionseg.report.contents import FromMotion as FromMotion
    from napari_motionseg.report.contents import Report as Report
    from napari_motionseg.report.overlays import overlay_frames as overlay_frames
    from napari_motionseg.report.page import render_report as render_report
    from napari_motionseg.report.page import write_report as write_report

_PUBLIC = {
    "FromMotion": "contents",
    "Report": "contents",
    "overlay_frames": "overlays",
    "render_report": "page",
    "write_report": "page",
}
__all__ = [*_PUBLIC]
__getattr__, __dir__ = lazy_names(__name__, _PUBLIC)
