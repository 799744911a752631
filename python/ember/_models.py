"""Recommendations, and models as a service."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from typing import Any, Iterable, Mapping

from ._client import Ember, default


@dataclass(frozen=True)
class Foretold:
    """What a model says of a patient at a moment: a probability, or a number."""

    patient: str
    at: str
    value: float
    low: float | None = None
    high: float | None = None
    resource: str = ""


@dataclass(frozen=True)
class Recommendation:
    """One item of what would be ordered next."""

    text: str
    code: str
    probability: float | None
    raw: Mapping[str, Any]

    @classmethod
    def of(cls, patient: str, *, want: str = "treatments", limit: int | None = None, client: Ember | None = None) -> list["Recommendation"]:
        """What would be ordered next for a patient on record: "treatments" or "tests"."""
        params = {k: v for k, v in {"want": want, "limit": limit}.items() if v is not None}
        answer = (client or default()).json("GET", f"/v1/patients/{patient.removeprefix('Patient/')}/recommendations", params=params)
        items = answer["items"]
        return [cls(i.get("code", {}).get("display", ""), i.get("code", {}).get("code", ""), i.get("probability"), i) for i in items]


class Model:
    """A model of a name."""

    def __init__(self, name: str, *, client: Ember | None = None) -> None:
        self.name, self._client = name, client

    @property
    def client(self) -> Ember:
        """The server that is asked."""
        return self._client or default()

    def about(self) -> dict[str, Any]:
        """The version that serves: its inputs, classes and measures."""
        about: dict[str, Any] = self.client.json("GET", f"/v1/models/{self.name}")
        return about

    def predict(self, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """What the version that serves says of rows with its columns."""
        rows = list(rows)
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
        answer = self.client.json("POST", f"/v1/models/{self.name}/predict", params={"file": "rows.csv"}, content=out.getvalue().encode(), headers={"Content-Type": "text/csv"})
        predictions: list[dict[str, Any]] = answer["predictions"]
        return predictions

    @classmethod
    def from_cohort(cls, name: str, *, dataset: str, seconds: float = 600, families: list[str] | None = None, client: Ember | None = None, **sampling: Any) -> "Model":
        """Draw a data set of a cohort and train on it, to the end.

        ``sampling`` is what ``ember dataset from-cohort`` takes: cohort, index or day,
        which, from_, after, label or next, horizon, observed; view is a ViewDefinition as a dict.
        """
        server = client or default()
        body = {k.rstrip("_"): v for k, v in sampling.items()}
        server.json("POST", f"/v1/datasets/{dataset}", params={"from": "cohort"}, json=body)
        job = server.json("POST", "/v1/jobs", json={"model": name, "dataset": dataset, "seconds": seconds, "families": families or []})
        last: dict[str, Any] = job
        pending = b""
        for part in server.stream("GET", f"/v1/jobs/{job['id']}/events"):
            *lines, pending = (pending + part).split(b"\n")
            for line in lines:
                if line.strip():
                    last = json.loads(line)
        if last.get("state") != "done":
            raise RuntimeError(f"the training of {name} came to nothing: {last.get('error', last.get('state'))}")
        return cls(name, client=client)
