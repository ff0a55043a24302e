"""plan.json: read from any version, written as it was."""

import json

import pytest

from analysis.results.plan_record import NEEDED, PlanRecord, ReportSection
from resnet_lab.errors import UserError

OLD = {
    "study": "odd",
    "question": "Does it?",
    "scale": "quick",
    "dataset": "digits",
    "arm": {"a": ["x", "y"]},
    "context": {},
    "baseline": {"a": "x"},
    "seeds": [0, 1],
}
NEW = {
    **{name: OLD[name] for name in ("study", "question", "scale", "dataset")},
    "design": "ladder",
    "variant": "search",
    **{name: OLD[name] for name in ("arm", "context", "baseline")},
    "implies": [{"field": "a", "value": "y", "changes": {"b": 1}}],
    "aliases": ["a = b"],
    "seeds": [0, 1],
    "margin": 0.5,
    "sections": [{"name": "tune", "text": "tuned"}],
    "runs": [{"a": "x", "seed": 0}],
}


def test_a_record_is_written_as_it_was_read():
    assert json.dumps(PlanRecord.from_dict(NEW).as_dict()) == json.dumps(NEW)


def test_an_older_file_has_defaults():
    record = PlanRecord.from_dict(OLD)
    assert (record.design, record.variant, record.margin) == ("", "", 0.0)
    assert (record.implies, record.aliases, record.sections, record.runs) == ((), (), (), ())
    assert PlanRecord.from_dict(OLD | {"margin": None}).margin == 0.0


def test_the_content_of_a_section_is_not_in_the_plan():
    section = ReportSection(name="tune", text="tuned", content={"best": 1})
    assert section.as_dict() == {"name": "tune", "text": "tuned"}


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_key_is_named_with_the_remedy(name):
    content = {key: value for key, value in OLD.items() if key != name}
    with pytest.raises(UserError, match=f"plan.json lacks '{name}': run the study again"):
        PlanRecord.from_dict(content)


def test_a_file_that_is_no_object_is_refused(tmp_path):
    path = tmp_path / "plan.json"
    with pytest.raises(UserError, match="cannot read"):
        PlanRecord.read(path)
    path.write_text("[1]")
    with pytest.raises(UserError, match="holds no JSON object"):
        PlanRecord.read(path)
    path.write_text("{")
    with pytest.raises(UserError, match="is not JSON"):
        PlanRecord.read(path)
