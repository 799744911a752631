"""Cohorts: count, look at, explain, save, export."""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator, Mapping

from ._client import Ember, default
from ._frames import frame
from ._models import Foretold


@dataclass(frozen=True)
class Count:
    """A number of patients as it may be shown: rounded, or suppressed (0 to 10)."""

    number: int | None
    suppressed: bool
    meant: tuple["Meaning", ...] = field(default=(), compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def __str__(self) -> str:
        return "10 or fewer" if self.number is None else f"about {self.number}"


@dataclass(frozen=True)
class Meaning:
    """What a word of a definition was taken for."""

    asked: str
    concepts: tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A part of a cohort, with how much more often it is there than elsewhere."""

    part: str  # ages, sexes, conditions, drugs, tests, procedures
    label: str
    count: int | None
    code: str = ""
    odds: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None  # adjusted for all comparisons


@dataclass(frozen=True)
class Facets:
    """A cohort by age, sex, and what most of its patients have."""

    count: Count
    cells: tuple[Cell, ...]

    def frame(self, kind: str | None = None) -> Any:
        """The cells as a frame."""
        return frame([vars(c) for c in self.cells], kind)


@dataclass(frozen=True)
class Evidence:
    """An event, or a part of a note, behind a criterion."""

    source: str
    kind: str
    day: str = ""
    text: str = ""
    value: float | None = None
    unit: str = ""
    weight: float | None = None


@dataclass(frozen=True)
class Reason:
    """What is on record for one criterion."""

    criterion: str
    denied: bool
    holds: bool
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Why:
    """Whether a patient meets a definition, and the events behind it."""

    patient: str
    matches: bool
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Comparison:
    """Two cohorts side by side."""

    a: Count
    b: Count
    rows: tuple[dict[str, Any], ...]

    def frame(self, kind: str | None = None) -> Any:
        """What differs most, as a frame."""
        return frame(list(self.rows), kind)


def _count(answer: Mapping[str, Any]) -> Count:
    meant = tuple(Meaning(m["asked"], tuple(c["display"] or c["code"] for c in m["concepts"])) for m in answer.get("meant", []))
    warnings = tuple(w["text"] + (f"; {w['hint']}" if w.get("hint") else "") for w in answer.get("warnings", []))
    return Count(answer["count"], answer["suppressed"], meant, warnings)


class Cohort:
    """Who meets a definition: a text, or the JSON of a criterion as a dict.

    Counting needs the right ``cohorts``; whatever names patients the right ``members``.
    """

    def __init__(self, definition: str | Mapping[str, Any], *, client: Ember | None = None) -> None:
        self.definition = definition
        self._client = client

    @property
    def client(self) -> Ember:
        """The server that is asked."""
        return self._client or default()

    def _body(self, **more: Any) -> dict[str, Any]:
        key = "text" if isinstance(self.definition, str) else "definition"
        return {key: self.definition, **more}

    def __repr__(self) -> str:
        return f"Cohort({self.definition!r})"

    def count(self) -> Count:
        """How many there are, as it may be told."""
        return _count(self.client.json("POST", "/v1/cohorts/count", json=self._body()))

    def facets(self) -> Facets:
        """The cohort by age, sex, and what most of it have."""
        answer = self.client.json("POST", "/v1/cohorts/facets", json=self._body())
        cells = []
        for part, found in (answer.get("facets") or {}).items():
            for c in found:
                odds = c.get("odds") or {}
                cells.append(Cell(part, c["label"], c["count"], (c.get("code") or {}).get("code", ""), odds.get("ratio"), odds.get("low"), odds.get("high"), odds.get("p")))
        return Facets(_count(answer), tuple(cells))

    def compare(self, other: "Cohort") -> Comparison:
        """What differs most between two cohorts."""
        answer = self.client.json("POST", "/v1/cohorts/compare", json={"a": self._body(), "b": other._body()})
        return Comparison(_count(answer["a"]), _count(answer["b"]), tuple(answer["rows"]))

    def why(self, patient: str) -> Why:
        """The events that make a patient meet the definition."""
        answer = self.client.json("POST", "/v1/cohorts/why", json=self._body(patient=patient))
        reasons = []
        for r in answer["reasons"]:
            evidence = tuple(Evidence(e["source"], e["kind"], e.get("day", ""), e.get("text", ""), e.get("value"), e.get("unit", ""), e.get("weight")) for e in r["evidence"])
            reasons.append(Reason(r["criterion"], r["denied"], r["holds"], evidence))
        return Why(answer["patient"], answer["matches"], tuple(reasons))

    def save(self, name: str) -> "Saved":
        """Keep the members of today under a name."""
        self.client.json("POST", "/v1/cohorts", json=self._body(name=name))
        return Saved(name, client=self._client)

    @contextmanager
    def _kept(self) -> Iterator["Saved"]:
        saved = self.save("py-" + secrets.token_hex(8))
        try:
            yield saved
        finally:
            saved.delete()

    def members(self) -> list[str]:
        """Who they are, "Patient/123"."""
        with self._kept() as saved:
            return list(saved)

    def export(self, path: str | Path, format: str = "group") -> Path:
        """Write the members to a file, in a format of the server ("group", "csv", …)."""
        with self._kept() as saved:
            return saved.export(path, format)

    def table(self, view: Mapping[str, Any], kind: str | None = None) -> Any:
        """A ViewDefinition over the cohort's patients, as a frame."""
        with self._kept() as saved:
            return saved.table(view, kind)

    def predict(self, model: str, *, write: bool = False) -> list[Foretold]:
        """What a model that was made of a cohort says of these patients.

        With ``write`` it is stored as RiskAssessments.
        """
        answer = self.client.json("POST", f"/v1/models/{model}/cohort", json=self._body(write=write))
        return [Foretold(**p) for p in answer["predictions"]]


class Saved(Cohort):
    """A saved cohort; iterating gives its members."""

    def __init__(self, name: str, *, client: Ember | None = None) -> None:
        super().__init__(f"cohort:{name}", client=client)
        self.name = name

    def __iter__(self) -> Iterator[str]:
        after = ""
        while True:
            page = self.client.json("GET", f"/v1/cohorts/{self.name}/members", params={"limit": 1000, "after": after})
            yield from page["members"]
            after = page.get("next", "")
            if not after:
                return

    def delete(self) -> None:
        """Forget it."""
        self.client.request("DELETE", f"/v1/cohorts/{self.name}")

    def export(self, path: str | Path, format: str = "group") -> Path:
        """Write the members to a file, in a format of the server."""
        path = Path(path)
        with path.open("wb") as out:
            for part in self.client.stream("GET", f"/v1/cohorts/{self.name}/export", params={"format": format}):
                out.write(part)
        return path

    def members(self) -> list[str]:
        """Who they are."""
        return list(self)

    def table(self, view: Mapping[str, Any], kind: str | None = None) -> Any:
        """A ViewDefinition over the cohort's patients, as a frame."""
        rows: list[dict[str, Any]] = []
        ids = list(self)
        for start in range(0, len(ids), 500):
            parameters: list[dict[str, Any]] = [{"name": "viewResource", "resource": dict(view)}, {"name": "_format", "valueCode": "ndjson"}]
            parameters += [{"name": "patient", "valueReference": {"reference": i}} for i in ids[start : start + 500]]
            body = {"resourceType": "Parameters", "parameter": parameters}
            answer = self.client.request("POST", "/fhir/ViewDefinition/$run", json=body, headers={"Content-Type": "application/fhir+json"})
            rows += [json.loads(line) for line in answer.text.splitlines() if line]
        return frame(rows, kind)
