"""One HTML page that shows how a run went: pictures, curves, numbers, provenance.

The page holds everything it shows, needs no network and no script, and reads well in
light and dark.
"""

from __future__ import annotations

from napari_motionseg.report.contents import FromMotion, Report
from napari_motionseg.report.overlays import overlay_frames
from napari_motionseg.report.page import render_report, write_report

__all__ = ["FromMotion", "Report", "overlay_frames", "render_report", "write_report"]
