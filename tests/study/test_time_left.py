"""The time left of a study is of the work left, by kinds of run."""

import pytest

from fewlabels.core.errors import FewlabelsError
from fewlabels.study.time_left import TimeLeft
from toy_plans import images


def rows(seconds, pretraining=None):
    row = {"kind": "run", "seconds": {"tuning": 0.75 * seconds, "transfer": 0.25 * seconds}}
    encoder = {"kind": "encoder", "cached": False, "seconds": pretraining}
    return [row] if pretraining is None else [encoder, row]


@pytest.fixture
def plan():
    return images(methods=["denoising+finetune", "sparse+finetune", "denoising+probe"], budgets=[6, 30], seeds=2)


def test_nothing_is_told_before_it_is_known(plan):
    left = TimeLeft(plan, plan.runs(), workers=1)
    assert left.seconds() is None
    first = next(run for run in plan.runs() if run.budget == 30)
    for run in plan.together(first):  # what a worker does first takes longer than what comes later
        left.ended(run, rows(40.0, pretraining=10.0))
        assert left.seconds() is None


def test_it_is_the_sum_over_what_is_left_by_kind_and_encoder_shared_by_the_workers(plan):
    denoising, _, probe = plan.methods
    runs = {(run.method, run.budget): run for run in plan.runs()}
    for workers in (1, 2):
        left = TimeLeft(plan, plan.runs(), workers)
        for run in plan.together(runs[denoising, 30]):
            left.ended(run, rows(40.0, pretraining=10.0))
        left.ended(runs[probe, 6], rows(0.5))
        for run in plan.together(runs[denoising, 6]):
            left.ended(run, rows(2.0))
        # two runs at 6 labels, two at 30, three probes, some of them guessed, and an encoder
        probes = 0.5 + 2 * 0.25 if workers == 1 else 3 * 2.0 / 40
        assert left.seconds() == pytest.approx((2 * 2.0 + 2 * 1.0 + probes + 10.0) / workers)


def test_a_failed_run_is_left_no_more(plan):
    left = TimeLeft(plan, plan.runs(), workers=1)
    for run in plan.runs():
        left.ended(run, rows(1.0) if run.budget == 6 else FewlabelsError("it failed"))
    assert left.seconds() == 0
