from __future__ import annotations

import os
from pathlib import Path

import pytest


def test_the_notebook_runs(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every cell of docs/examples/cohorts.ipynb runs against a real server."""
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    here = Path(__file__).resolve().parents[2]
    monkeypatch.setenv("EMBER_URL", server)
    monkeypatch.setenv("PYTHONPATH", str(here / "python") + os.pathsep + os.environ.get("PYTHONPATH", ""))
    book = nbformat.read(here / "docs" / "examples" / "cohorts.ipynb", as_version=4)
    nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
    outputs = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    assert len(outputs) >= 6 and not any(o.output_type == "error" for o in outputs)
