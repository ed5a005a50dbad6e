"""Where and when a benchmark ran."""

from __future__ import annotations

import os
import platform
import re
import time

import torch


def processor_name() -> str:
    """Return the processor's name and the vector units that PyTorch uses of it."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            words = dict(re.findall(r"^(\S[^\t:]*?)\s*: (.+)$", file.read(), re.M))
    except OSError:
        words = {}
    name = words.get("model name", platform.processor() or platform.machine())
    numbers = f"family {words.get('cpu family')}, model {words.get('model')}"
    return f"{name} ({numbers}, {torch.backends.cpu.get_cpu_capability()})"


def here_and_now() -> dict[str, str]:
    """Return machine, versions and date for a benchmark's JSON."""
    processor = platform.processor() or platform.machine()
    return {
        "machine": f"{processor}, {os.cpu_count()} cores, torch {torch.__version__}",
        "date": time.strftime("%Y-%m-%d"),
    }
