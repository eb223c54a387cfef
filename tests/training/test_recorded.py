"""Recorded functions: what is played back is what the function gives, and when it pays to record.

That every objective's steps can be recorded is in the tests of objectives.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn
from toy_stacked import Dropped, assert_together_as_alone, regressions, together

from fewlabels.training import Recipe
from fewlabels.training.ensemble import fit as stacked
from fewlabels.training.ensemble import recorded
from fewlabels.training.ensemble.recorded import record, recording_pays

BASE = Recipe(steps=8, batch_size=4, lr=0.02)
CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every step is recorded, whether it pays or not; the number of models at every recording."""
    made: list[int] = []

    def counted(function, state, batch):
        made.append(len(batch[0]))
        return record(function, state, batch)

    monkeypatch.setattr(stacked, "recording_pays", lambda *args: True)
    monkeypatch.setattr(stacked, "record", counted)
    return made


@pytest.mark.parametrize(
    ("shortest", "longest", "device", "pays"),
    [
        (500, 5000, CPU, True),
        (499, 5000, CPU, False),
        (500, 4999, CPU, False),
        (5000, 5000, CPU, True),
        (500, 500, CUDA, True),
        (499, 5000, CUDA, False),
    ],
)
def test_recording_pays_for_many_steps_of_one_shape(shortest, longest, device, pays):
    assert recording_pays(shortest, longest, device) == pays


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adam", "sgd"])
def test_models_that_leave_one_by_one_end_as_alone(recordings, optimiser):
    """Each is recorded with those that are left, and follows its weights as they change."""
    recipes = [replace(BASE, optimiser=optimiser, lr=lr, steps=n) for lr, n in ((0.003, 5), (0.02, 3), (0.1, 8))]
    assert_together_as_alone(recipes, validate=True)
    assert recordings == [3, 2, 1]


def test_steps_that_are_too_few_are_not_recorded(monkeypatch):
    monkeypatch.setattr(stacked, "record", None)
    together(regressions(), [BASE] * 3)


def test_after_one_has_left_recording_waits_until_it_pays_again(monkeypatch):
    """The models are asked about with the steps that are left to them."""
    asked = []

    def pays(shortest, longest, device):
        asked.append((shortest, longest))
        return False

    monkeypatch.setattr(stacked, "recording_pays", pays)
    together(regressions(), [replace(BASE, steps=steps) for steps in (2, 3, 4)])
    assert asked == [(2, 4), (1, 3), (1, 2), (1, 1)]


def test_bfloat16_is_recorded_with_the_layers():
    """The layers' own rounding is played back, and weights that change are cast anew."""
    weight, x = torch.full((3, 3), 1 + 2**-10), torch.eye(3)

    def product(state, batch):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return nn.functional.linear(batch, state).float()

    played = record(product, weight, x)
    assert torch.equal(played(x), torch.ones(3, 3))
    weight.fill_(2 + 2**-9)
    assert torch.equal(played(x), torch.full((3, 3), 2.0))


def drop(state, batch):
    return nn.functional.dropout(batch * state, 0.5), torch.rand_like(batch)


def test_random_numbers_are_drawn_anew_as_unrecorded_ones_would_be():
    state, batch = torch.full((200,), 3.0), torch.ones(200)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        played = record(drop, state, batch)
        torch.manual_seed(1)
        first, second = played(batch), played(batch)
        torch.manual_seed(1)
        expected = drop(state, batch), drop(state, batch)
    for found, oracle in zip((first, second), expected, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(found, oracle, strict=True))
    assert not torch.equal(first[0], second[0])
    assert not torch.equal(first[1], second[1])


def test_dropout_in_a_stack_differs_from_step_to_step_and_model_to_model(recordings):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        first, second = together([Dropped(), Dropped()], [replace(BASE, lr=1e-9)] * 2)
    assert len({*first.loss, *second.loss}) > 10
    assert recordings == [2]


def test_the_state_is_read_at_every_call_and_the_batch_given_anew():
    state, seen = {"a": torch.tensor([2.0]), "b": (torch.tensor([3.0]),)}, []

    def function(state, batch):
        seen.append(batch)
        return {"sum": batch[0] * state["a"] + batch[1]["c"], "other": state["b"][0] * 2}

    played = record(function, state, (torch.tensor([1.0]), {"c": torch.tensor([10.0])}))
    assert len(seen) == 1
    assert played((torch.tensor([5.0]), {"c": torch.tensor([100.0])}))["sum"].item() == 110
    state["a"].fill_(7)
    state["b"][0].fill_(8)
    found = played((torch.tensor([5.0]), {"c": torch.tensor([100.0])}))
    assert (found["sum"].item(), found["other"].item()) == (135, 16)
    assert len(seen) == 1  # the function itself is run no more


class Graph:
    """Stands in for a CUDA graph: what was captured runs again, on the tensors it ran on, into those it gave."""

    def __init__(self) -> None:
        self.operation = lambda: None
        self.replayed = 0

    def replay(self) -> None:
        self.replayed += 1
        self.operation()


class Stream:
    def wait_stream(self, other: Stream) -> None:
        pass


def test_a_captured_graph_reads_copies_and_hands_out_clones(monkeypatch):
    """With a stand-in for CUDA, which is not here: where the graph reads and writes, no caller's tensor lies."""
    graph, state = Graph(), torch.tensor([10.0])
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: graph)
    capturing = []

    @contextmanager
    def captured(into):
        capturing.append(into)
        yield
        capturing.pop()

    monkeypatch.setattr(torch.cuda, "graph", captured)

    def operations(state, batch):
        results = {"product": state * batch[0], "sum": state + batch[1]["noise"]}
        if capturing:

            def again() -> None:
                results["product"].copy_(state * batch[0])
                results["sum"].copy_(state + batch[1]["noise"])

            graph.operation = again
        return results

    def batch(value: float):
        return torch.tensor([value]), {"noise": torch.tensor([10 * value])}

    first = batch(1)
    played = recorded._Captured(operations, state, first)
    given = batch(2)
    two = played(given)
    three = played(batch(3))
    state.fill_(100)
    four = played(batch(4))
    assert [found["product"].item() for found in (two, three, four)] == [20, 30, 400]
    assert [found["sum"].item() for found in (two, three, four)] == [30, 40, 140]
    assert (first, given) == (batch(1), batch(2))
    assert graph.replayed == 3
