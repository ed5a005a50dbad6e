"""Make a table of the loops of a batch, as CSV or Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from napari_motionseg.batch.records import DONE, BatchFolder, Record
from napari_motionseg.errors import MissingDependencyError, SettingsError
from napari_motionseg.io.atomic import replacing

TEXT, NUMBER, WHOLE, YES = "string", "float64", "int64", "bool"
BEGIN = {"path": TEXT, "state": TEXT, "reason": TEXT, "loop": TEXT, "result": TEXT,
         "frames": WHOLE, "rows": WHOLE, "columns": WHOLE, "damaged_frames": WHOLE,
         "spacing_basis": TEXT, "timing_basis": TEXT}  # fmt: skip
OF_MASKS = {"strangeness": NUMBER, "strange": YES, "fullest_frame": WHOLE,
            "contrast_frames": WHOLE, "vessel_area_unit": TEXT,
            "vessel_area_largest": NUMBER, "vessel_area_mean": NUMBER}  # fmt: skip
COLUMNS = {
    "segment": OF_MASKS,
    "measure": {
        **OF_MASKS, "vessel_length_mm": NUMBER, "mean_diameter_mm": NUMBER,
        "mld_mm": NUMBER, "rvd_mm": NUMBER, "vessel_length_px": NUMBER,
        "mean_diameter_px": NUMBER, "mld_px": NUMBER, "rvd_px": NUMBER,
        "percent_diameter_stenosis": NUMBER, "lesions": WHOLE, "rvd_method": TEXT,
        "diameter_method": TEXT, "warnings": TEXT, "not_measured": TEXT,
    },
    "flow": {
        "method": TEXT, "gap": WHOLE, "gap_ms": NUMBER, "pairs": WHOLE,
        "missing_pairs": WHOLE, "median_px": NUMBER, "p99_px": NUMBER,
    },
    "embed": {"dimensions": WHOLE},
}  # fmt: skip
END = {"seconds": NUMBER}
PARQUET = (".parquet", ".pq")
ROWS_AT_ONCE = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run such a text


def columns_of(folder: BatchFolder) -> dict[str, str]:
    """Return the names of the columns of a batch's table, and their types.

    Parameters
    ----------
    folder
        The output folder.
    """
    task = str(folder.settings.get("task"))
    return {**BEGIN, **COLUMNS.get(task, {}), **END}


def rows(folder: BatchFolder) -> Iterator[dict[str, Any]]:
    """Yield a row for each loop, and for each place that has failed.

    Parameters
    ----------
    folder
        The output folder.
    """
    for record in folder.records():
        if record.state != DONE:
            yield _in_unicode(_of_place(replace(record, rows=())))
            continue
        for row in record.rows:
            files = row.get("files") or [""]
            yield _in_unicode({**_of_place(record), **row, "result": files[0]})


def _in_unicode(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row in which bytes of a path that are no UTF-8 are shown as escapes."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode("utf-8")
        if isinstance(value, str)
        else value
        for name, value in row.items()
    }


def _of_place(record: Record) -> dict[str, Any]:
    return {
        "path": record.path, "state": record.state, "reason": record.reason,
        "seconds": record.seconds,
    }  # fmt: skip


def write_table(folder: BatchFolder, path: str | Path) -> int:
    """Write a table with a row for each loop, and return the number of rows.

    It has no attribute of a patient, but the paths of the loops.

    Parameters
    ----------
    folder
        The output folder.
    path
        File to write: ``.csv`` or ``.parquet``.

    Raises
    ------
    SettingsError
        If the suffix is another one.
    MissingDependencyError
        If pyarrow is not installed, which Parquet needs.
    OccupiedError
        If something at the path must not be replaced.
    WriteError
        If the file cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in (*PARQUET, ".csv"):
        raise SettingsError(f"{path}: a table must end in .csv or .parquet")
    write = _write_parquet if suffix in PARQUET else _write_csv
    with replacing(path) as temporary:
        return write(temporary, columns_of(folder), rows(folder))


def _write_csv(
    path: Path, columns: dict[str, str], found: Iterable[dict[str, Any]]
) -> int:
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore", restval="")
        table.writeheader()
        for row in found:
            table.writerow({name: _plain(value) for name, value in row.items()})
            count += 1
    return count


def _write_parquet(
    path: Path, columns: dict[str, str], found: Iterable[dict[str, Any]]
) -> int:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(
            "a Parquet table needs pyarrow, which is not installed: pip install "
            "'napari-motionseg[batch]'"
        ) from error
    schema = pyarrow.schema(list(columns.items()))
    count, waiting = 0, iter(found)
    with parquet.ParquetWriter(path, schema) as writer:
        while some := list(islice(waiting, ROWS_AT_ONCE)):
            kept = [{name: row.get(name) for name in columns} for row in some]
            writer.write_table(pyarrow.Table.from_pylist(kept, schema))
            count += len(some)
    return count


def _plain(value: Any) -> Any:
    """Return a value that a spreadsheet shows and does not run."""
    text = isinstance(value, str) and value.startswith(FORMULA)
    return f"'{value}" if text else value
