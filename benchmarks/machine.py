"""Where and when a benchmark ran."""

from __future__ import annotations

import os
import platform
import time

import torch


def here_and_now() -> dict[str, str]:
    """Return machine, versions and date for a benchmark's JSON."""
    processor = platform.processor() or platform.machine()
    return {
        "machine": f"{processor}, {os.cpu_count()} cores, torch {torch.__version__}",
        "date": time.strftime("%Y-%m-%d"),
    }
