"""References to parts of one's own: pinned to their source, and refused where they are missing or have changed."""

import copy
import pickle
from pathlib import Path

import pytest

from ablations import Activation, BlockSpec, own
from ablations.references import OwnPartError, digest_of, missing, pinned, resolve
from resnet_lab.errors import UserError
from resnet_lab.spec import ModelSpec, RunSpec
from resnet_lab.spec.fields import from_json, parse_value, replace, to_json
from resnet_lab.spec.fingerprint import fingerprint

SOURCE = "from torch import nn\n\ndef soft(x):\n    return x.sigmoid() * x\n\nclass Soft(nn.SiLU):\n    pass\n"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"own_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_reference_is_one_value_everywhere(module: str) -> None:
    text = f"{module}:soft@{digest_of(module)}"
    spec = BlockSpec(activation=f"{module}:soft")  # type: ignore[arg-type]  # pydantic makes the member
    assert spec.activation == text == parse_value("model.block.activation", f"{module}:soft") == pinned(text)
    assert spec.activation is Activation(text) is copy.deepcopy(spec.activation)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert text not in list(Activation)
    assert own(resolve(text)) == text
    run = RunSpec(model=ModelSpec(block=spec))
    assert from_json(to_json(run)) == run


def test_a_source_that_changes_is_another_run_and_no_other_is_taken_for_it(module: str, tmp_path: Path) -> None:
    before = replace(RunSpec(), {"model.block.activation": f"{module}:soft"})
    path = tmp_path / f"{module}.py"
    path.write_text(SOURCE + "# changed\n")
    after = replace(RunSpec(), {"model.block.activation": f"{module}:soft"})
    assert len({fingerprint(RunSpec()), fingerprint(before), fingerprint(after)}) == 3
    with pytest.raises(OwnPartError, match=f"{module} has changed"):
        resolve(before.model.block.activation)
    path.unlink()
    assert before.model.block.activation == Activation(before.model.block.activation.value)  # records can be read
    with pytest.raises(OwnPartError, match="there is no module"):
        resolve(before.model.block.activation)


def test_what_is_not_there_is_a_sentence(module: str) -> None:
    for name in ("model.block.activation", "model.block.kind", "model.name"):
        with pytest.raises(UserError, match=r"there is no module 'nowhere' to import: put nowhere\.py"):
            parse_value(name, "nowhere:part")
        with pytest.raises(UserError, match="there is no module 'nowhere'"):
            replace(RunSpec(), {name: "nowhere:part"})
    with pytest.raises(UserError, match="Input should be"):
        parse_value("model.block.activation", "softt")
    assert missing("relu") == ""
    with pytest.raises(OwnPartError, match="no attribute 'other'"):
        resolve(f"{module}:other")
    with pytest.raises(OwnPartError, match="define it at the top"):
        own(lambda x: x)
