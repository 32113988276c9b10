"""Records that are mappings: read like the dicts they stand in for, whoever extends them."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, asdict, fields, replace
from typing import Any

import pytest
from batchmap.mapping_record import MappingRecord, as_mapping
from batchmap.metrics import RunSummary

from batchmap_workbook.utils.analysis.records import Comparison
from tests.fakes import compared, run_summary

RECORDS = [run_summary(workers=3), compared(run_summary(), run_summary(workers=2))]

each_record = pytest.mark.parametrize("record", RECORDS, ids=lambda one: type(one).__name__)


@each_record
def test_a_record_is_a_mapping_of_its_fields_in_their_order(
    record: RunSummary | Comparison,
) -> None:
    assert isinstance(record, Mapping)
    assert list(record) == [field.name for field in fields(record)]
    assert dict(record) == {**record} == as_mapping(record)
    assert len(record) == len(fields(record))
    assert record["workers"] == record.get("workers") == record.workers
    assert "workers" in record
    assert "mine" not in record
    assert record.get("mine", 7) == 7
    with pytest.raises(KeyError, match="mine"):
        record["mine"]


@each_record
@pytest.mark.parametrize("name", ["of", "get", "__len__", "keys"])
def test_what_is_no_field_is_no_key(record: RunSummary | Comparison, name: str) -> None:
    assert name not in record


@pytest.mark.parametrize("kind", [RunSummary, Comparison])
def test_no_field_hides_a_method_of_mappings(kind: type[RunSummary | Comparison]) -> None:
    assert not {field.name for field in fields(kind)} & set(dir(MappingRecord))


@each_record
def test_it_equals_any_mapping_of_the_same_values(record: RunSummary | Comparison) -> None:
    values: Any = dict(record)
    assert record == values
    assert values == record
    assert record == replace(record)
    assert record != replace(record, workers=99)
    assert record != values | {"mine": 1}


@each_record
def test_an_extended_copy_is_a_dict(record: RunSummary | Comparison) -> None:
    expected = {**dict(record), "mine": 1, "workers": 5}
    assert record | {"mine": 1, "workers": 5} == expected
    assert {"mine": 1, "workers": 5} | record == {**expected, "workers": record.workers}


@each_record
def test_the_record_of_a_mapping_is_itself_or_made_of_its_keys(
    record: RunSummary | Comparison,
) -> None:
    kind = type(record)
    assert kind.of(record) is record
    extended = kind.of(record | {"mine": 1, "workers": 5})
    assert type(extended) is kind
    assert extended == replace(record, workers=5)
    with pytest.raises(KeyError, match="workers"):
        kind.of({name: record[name] for name in record if name != "workers"})


@each_record
def test_it_stays_a_frozen_slotted_record(record: RunSummary | Comparison) -> None:
    with pytest.raises(FrozenInstanceError):
        record.workers = 5  # type: ignore[misc]
    assert not hasattr(record, "__dict__")
    assert pickle.loads(pickle.dumps(record)) == record
    assert asdict(record).keys() == record.keys()


def test_json_gets_it_as_an_object() -> None:
    text = json.dumps({"run": RECORDS[0]}, default=as_mapping)
    assert json.loads(text)["run"]["workers"] == 3
