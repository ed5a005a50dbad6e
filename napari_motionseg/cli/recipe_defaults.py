"""Stub."""

from typing import Any

RECIPE_DEFAULTS: dict[str, dict[str, Any]] = {}
