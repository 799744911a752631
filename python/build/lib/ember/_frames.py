"""Rows as the frames that are installed."""

from __future__ import annotations

from typing import Any


def frame(rows: list[dict[str, Any]], kind: str | None = None) -> Any:
    """Rows as a frame of pandas or polars ("pandas", "polars"), or as they are ("rows").

    Without a kind, pandas where it is installed, else polars, else rows.
    """
    for name in [kind] if kind else ["pandas", "polars", "rows"]:
        if name == "rows":
            return rows
        try:
            if name == "pandas":
                import pandas

                return pandas.DataFrame(rows)
            if name == "polars":
                import polars

                return polars.DataFrame(rows, infer_schema_length=None)
        except ImportError:
            if kind:
                raise
            continue
        raise ValueError(f"frames are pandas, polars or rows, not {name!r}")
    return rows
