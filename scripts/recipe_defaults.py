"""Write the table of recipe values that the help of the training commands shows.

Run it after changing a recipe or an option: ``python scripts/recipe_defaults.py``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from napari_motionseg import cli
from napari_motionseg.cli.app import app
from napari_motionseg.cli.recipe_options import SOURCE, default_values

HEADER = '''"""Values of the recipes that ``--help`` shows; reading them needs no torch.

Written by ``scripts/recipe_defaults.py`` from the settings classes. Do not edit.
"""

from typing import Any

RECIPE_DEFAULTS: dict[str, dict[str, Any]] = '''
TARGET = Path(cli.__file__).with_name("recipe_defaults.py")


def table() -> dict[str, dict[str, Any]]:
    """Return the default of each option of each training command."""
    marked = [c.callback for c in app.registered_commands if c.callback]
    found = {c.__name__: default_values(c) for c in marked if hasattr(c, SOURCE)}
    return {name: dict(sorted(found[name].items())) for name in sorted(found)}


def text() -> str:
    """Return the text of the module that holds the table."""
    lines = []
    for command, values in table().items():
        lines.append(f"    {json.dumps(command)}: {{")
        lines += [
            f"        {json.dumps(name)}: {_literal(value)},"
            for name, value in values.items()
        ]
        lines.append("    },")
    return HEADER + "\n".join(["{", *lines, "}"]) + "\n"


def _literal(value: Any) -> str:
    return json.dumps(value) if isinstance(value, str) else repr(value)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    TARGET.write_text(text())
