"""A short, bounded run over every parser; `make fuzz` goes on until coverage stops growing."""

import pytest
from engine import Campaign, Target
from hypothesis import given
from hypothesis import strategies as st
from run import keep, taken_up
from targets import targets

INPUTS = 250
NEVER_TAKEN = {"dg15"}  # its signature would have to come from the chip


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_only_typed_errors(target):
    campaign = Campaign(target)
    campaign.begin()
    while campaign.inputs < INPUTS // target.cost and not campaign.findings:
        campaign.step()
    assert campaign.findings == {}


@pytest.mark.parametrize("target", targets(), ids=lambda target: target.name)
def test_mutations_begin_at_what_is_taken(target):
    """A seed that is refused at once would leave everything behind that unexplored."""
    refusals = []
    for seed in target.seeds:
        try:
            target.run(seed)
        except target.allowed as refusal:
            refusals.append(refusal)
    assert len(refusals) < len(target.seeds) or target.name in NEVER_TAKEN


@given(st.sampled_from(targets()), st.binary(max_size=2_000))
def test_any_bytes(target, data):
    campaign = Campaign(target)
    campaign.try_one(data)
    assert campaign.findings == {}


def test_a_run_goes_on_where_the_last_one_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("run.KEPT", tmp_path)
    (target,) = (target for target in targets() if target.name == "mrz")
    first = Campaign(target)
    first.begin()
    while first.inputs < 400:
        first.step()
    keep(first)
    second = taken_up(target, seed=0)
    assert (second.inputs, second.last_new) == (first.inputs, first.last_new)
    assert (second.corpus, second.arcs) == (first.corpus, first.arcs)
    first.step()
    second.step()
    assert second.inputs == first.inputs


def crashes(data):
    if data[:1] == b"\xff":
        raise KeyError


def spins(data):
    while data[:1] == b"\xff":
        pass


def swells(data):
    if data[:1] == b"\xff":
        bytearray(256 * 1024 * 1024)


@pytest.mark.parametrize(
    ("parser", "finding"), [(crashes, "KeyError"), (spins, "TooSlow"), (swells, "KiB more")]
)
def test_it_finds_what_it_looks_for(parser, finding, monkeypatch):
    monkeypatch.setattr("engine.CPU_LIMIT_S", 0.2)
    campaign = Campaign(Target("sample", parser, (), (b"seed",)))
    campaign.try_one(b"\xffseed")
    assert [finding in found for found in campaign.findings] == [True]
