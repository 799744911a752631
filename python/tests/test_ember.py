from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ember import Cohort, Ember, EmberError, Model

VIEW = {
    "resourceType": "ViewDefinition",
    "resource": "Patient",
    "status": "active",
    "select": [{"column": [{"name": "id", "path": "getResourceKey()"}, {"name": "gender", "path": "gender"}, {"name": "born", "path": "birthDate"}]}],
}


def test_count_says_what_the_words_were_taken_for(client: Ember) -> None:
    count = Cohort("condition:hypertension", client=client).count()
    assert count.number is not None and count.number % 5 == 0 and count.number > 20
    assert count.meant[0].asked == "hypertension" and count.meant[0].concepts
    assert Cohort({"event": {"kind": "condition", "text": "hypertension"}}, client=client).count() == count


def test_few_are_suppressed(client: Ember) -> None:
    count = Cohort("age:>110", client=client).count()
    assert count.suppressed and count.number is None and str(count) == "10 or fewer"


def test_errors_name_the_place(client: Ember) -> None:
    with pytest.raises(EmberError) as e:
        Cohort("sex:male conditon:x", client=client).count()
    assert e.value.status == 400 and e.value.place == "text:10" and "condition" in e.value.hint
    with pytest.raises(EmberError) as e:
        Model("none", client=client).about()
    assert e.value.status == 404


def test_facets_are_a_frame(client: Ember) -> None:
    pandas = pytest.importorskip("pandas")
    facets = Cohort("condition:hypertension", client=client).facets()
    frame = facets.frame("pandas")
    assert isinstance(frame, pandas.DataFrame)
    sexes = frame[frame.part == "sexes"]
    assert set(sexes.label) >= {"female", "male"}
    assert (frame[frame.part == "drugs"]["count"] >= 10).all()
    assert isinstance(facets.frame("rows"), list)
    with pytest.raises(ValueError):
        facets.frame("excel")


def test_frames_of_polars(client: Ember, monkeypatch: pytest.MonkeyPatch) -> None:
    polars = pytest.importorskip("polars")
    women = Cohort("condition:hypertension sex:female", client=client)
    facets = women.facets()
    cells = facets.frame("polars")
    assert isinstance(cells, polars.DataFrame) and cells.height == len(facets.cells)
    sexes = cells.filter(polars.col("part") == "sexes")
    assert {"female"} <= set(sexes["label"]) and cells.schema["count"] == polars.Int64
    assert (cells.filter(polars.col("part") == "drugs")["count"] >= 10).all()
    table = women.table(VIEW, "polars")
    assert table.columns == ["id", "gender", "born"] and set(table["gender"]) == {"female"}
    assert sorted(table["id"]) == sorted(r["id"] for r in women.table(VIEW, "rows"))
    # Where pandas is not there, a frame is one of polars without asking.
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert isinstance(facets.frame(), polars.DataFrame)
    monkeypatch.setitem(sys.modules, "polars", None)
    assert isinstance(facets.frame(), list)
    with pytest.raises(ImportError):
        facets.frame("polars")


def test_members_why_and_table(client: Ember) -> None:
    women = Cohort("condition:hypertension sex:female", client=client)
    before = {s["name"] for s in client.json("GET", "/v1/cohorts")["cohorts"]}
    ids = women.members()
    assert len(ids) > 10 and all(i.startswith("Patient/") for i in ids)
    why = women.why(ids[0])
    assert why.matches and why.reasons[0].holds and why.reasons[0].evidence[0].source.startswith("Condition/")
    rows = women.table(VIEW, "rows")
    assert {f"Patient/{r['id']}".replace("Patient/Patient/", "Patient/") for r in rows} == set(ids)
    assert {r["gender"] for r in rows} == {"female"}
    assert {s["name"] for s in client.json("GET", "/v1/cohorts")["cohorts"]} == before, "what was saved on the way is gone"


def test_save_and_export(client: Ember, tmp_path: Path) -> None:
    saved = Cohort("condition:hypertension", client=client).save("py-test")
    try:
        group = json.loads(saved.export(tmp_path / "group.json").read_text())
        assert group["resourceType"] == "Group" and len(group["member"]) == len(saved.members())
        csv = saved.export(tmp_path / "ids.csv", "csv").read_text().splitlines()
        assert csv[0] == "patient" and len(csv) == 1 + len(group["member"])
        assert saved.count() == Cohort("condition:hypertension", client=client).count()
    finally:
        saved.delete()
    with pytest.raises(EmberError):
        saved.members()


def test_compare(client: Ember) -> None:
    found = Cohort("condition:hypertension", client=client).compare(Cohort("-condition:hypertension", client=client))
    assert found.a.number and found.b.number and found.rows


def test_a_model_of_a_cohort(client: Ember) -> None:
    model = Model.from_cohort(
        "tension", dataset="tension", client=client, families=["prior", "linear"], seconds=60,
        day="2023-01-01", cohort="age:>30", label="drug:lisinopril or drug:amlodipine", horizon="1y",
    )
    versions = client.json("GET", "/v1/models/tension/versions")
    client.json("POST", "/v1/models/tension/promote", json={"version": "1", "force": True})
    assert versions and model.about()["task"] == "timeline-risk"
    said = Cohort("age:>50", client=client).predict("tension")
    assert len(said) > 20 and all(0 <= f.value <= 1 and f.patient.startswith("Patient/") for f in said)
    names = [i["name"] for i in model.about()["inputs"]]
    rows = [{n: 0 for n in names} | {"sex": "female", "age": 50}]
    assert model.predict(rows)[0]["labels"]


def test_recommendations_need_a_model(client: Ember) -> None:
    from ember import Recommendation

    patient = Cohort("condition:hypertension", client=client).members()[0]
    with pytest.raises(EmberError) as e:
        Recommendation.of(patient, client=client)
    assert e.value.status == 503 and "train" in e.value.hint
