"""Networks that were audited before are known, to the code that audited them."""

from concurrent.futures import Future

import pytest

from studies.audit import network_facts
from studies.audit.audit import inspect_networks, network_of
from studies.audit.network_facts import WORTH_A_PROCESS, measure_networks, shares_of, start_measuring
from studies.bn_placement import STUDY
from studies.plan.options import Options
from studies.plan.plan import make_plan


@pytest.fixture
def plan():
    return make_plan(STUDY, Options(assignments=("model.depth=8,14",)))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "resnet-lab" / "audit"


@pytest.fixture
def built(monkeypatch):
    """How many networks were built, call by call."""
    counts = []

    def counting(networks):
        counts.append(len(networks))
        return inspect_networks(networks)

    monkeypatch.setattr(network_facts, "inspect_networks", counting)
    return counts


def test_a_network_is_built_once(plan, built):
    first = measure_networks(plan)
    assert first == inspect_networks([network_of(cell) for cell in plan.cells])
    assert measure_networks(plan) == first
    more = make_plan(STUDY, Options(assignments=("model.depth=8,14,20",)))
    assert {network: measure_networks(more)[network] for network in first} == first
    assert built == [8, 4]


def test_other_code_knows_nothing(plan, built, monkeypatch):
    measure_networks(plan)
    monkeypatch.setattr(network_facts, "_code", lambda: "another")
    measure_networks(plan)
    assert built == [8, 8]


def test_what_cannot_be_built_is_known_too(plan, monkeypatch):
    reason = "the network cannot be built: too small"
    monkeypatch.setattr(network_facts, "inspect_networks", lambda networks: dict.fromkeys(networks, reason))
    assert set(measure_networks(plan).values()) == {reason}
    monkeypatch.setattr(network_facts, "inspect_networks", lambda _: pytest.fail("built again"))
    assert set(measure_networks(plan).values()) == {reason}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"code": 3}'])
def test_a_damaged_cache_is_made_anew(plan, built, cache, content):
    cache.mkdir(parents=True)
    (cache / network_facts.FILE).write_text(content)
    measure_networks(plan)
    measure_networks(plan)
    assert built == [8]


def test_a_cache_that_cannot_be_made_is_done_without(plan, built, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert measure_networks(plan) == measure_networks(plan)
    assert built == [8, 8]


def test_others_are_asked_for_what_is_unknown_and_nobody_for_nothing(plan, built, monkeypatch):
    asked = []

    def ask(function, question):
        asked.append(len(question))
        future = Future()
        future.set_result(function(question))
        return future

    monkeypatch.setattr(network_facts, "submit", ask)
    expected = measure_networks(make_plan(STUDY, Options(assignments=("model.depth=8",))))
    found = start_measuring(plan)()
    assert {network: found[network] for network in expected} == expected
    assert len(found) == 8
    assert (built, asked) == ([4, 4], [4])
    monkeypatch.setattr(network_facts, "submit", lambda *_: pytest.fail("asked"))
    assert start_measuring(plan)() == found


def test_many_networks_are_dealt_out_to_the_processes_and_few_are_not(plan):
    few = [network_of(cell) for cell in plan.cells]
    assert shares_of(few, 8) == [few]
    assert shares_of([], 8) == []
    depths = ",".join(str(8 + 6 * n) for n in range(WORTH_A_PROCESS))
    many = [network_of(cell) for cell in make_plan(STUDY, Options(assignments=(f"model.depth={depths}",))).cells]
    shares = shares_of(many, 3)
    assert [len(share) for share in shares] == [11, 11, 10]
    assert {network for share in shares for network in share} == set(many)
