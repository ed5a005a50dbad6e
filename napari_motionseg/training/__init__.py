"""Training: the one loop, and what is trained before anyone has labelled anything."""

from __future__ import annotations
