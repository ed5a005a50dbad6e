"""Where the real loops are: never in the repository."""

from __future__ import annotations

import os
import sys
from pathlib import Path

VARIABLE = "MOTIONSEG_DATA"


def data_folder() -> Path:
    """Return the folder that the environment names; end with exit code 2 without."""
    named = os.environ.get(VARIABLE)
    if not named:
        print(f"{VARIABLE} is not set: no real loops to measure on", file=sys.stderr)
        sys.exit(2)
    return Path(named)
