"""Write one HTML page about a run: pictures, curves, numbers, provenance.

The page contains everything that it shows. It needs no network and no script, and is
readable in light and dark mode.
"""

from __future__ import annotations

from napari_motionseg.report.contents import FromMotion, Report
from napari_motionseg.report.overlays import overlay_frames
from napari_motionseg.report.page import render_report, write_report

__all__ = ["FromMotion", "Report", "overlay_frames", "render_report", "write_report"]
