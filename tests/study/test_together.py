"""Which runs are fitted together, which encoders trained together, and in what order workers take them up."""

from __future__ import annotations

import threading

import pytest

from fewlabels.networks import Conv, Dense
from fewlabels.pipelines.encoder_specs import EncoderSpec
from fewlabels.study.execute import grouped, unfinished
from fewlabels.study.plan import BASE
from fewlabels.study.schedule import Schedule
from fewlabels.training import numerics
from toy_plans import IMAGE, blobs, plan_of

SMALL, LARGE = Dense(hidden=(8,), latent_dim=4), Dense(hidden=(2000,), latent_dim=4)
METHODS = ("denoising+probe", "denoising+mlp", "denoising+finetune", "scratch", "raw+probe", "random+probe", "cnn")
SEEDS = (5, 6, 9)


@pytest.fixture(autouse=True)
def _nothing_is_measured(monkeypatch):
    monkeypatch.setattr(numerics, "seconds_a_step", lambda network, shape, batch, ways: [1.0] * len(ways))


def images(network=SMALL, methods=METHODS, **options):
    return plan_of(blobs(shape=IMAGE), methods=methods, budgets=[6, 12], seeds=SEEDS, network=network, **options)


def cells(runs):
    assert len({run.method for run in runs}) == 1
    return [(run.budget, run.seed) for run in runs]


def a_run(plan, name, budget=12, seed=6):
    return next(run for run in plan.runs() if (run.method.name, run.budget, run.seed) == (name, budget, seed))


GRID = [(budget, seed) for seed in SEEDS for budget in (6, 12)]
OWN, SAME_BUDGET = [(6, 6), (12, 6)], [(12, seed) for seed in SEEDS]


@pytest.mark.parametrize(
    ("name", "shared", "per_seed"),
    [
        ("denoising+probe", GRID, OWN),
        ("denoising+mlp", GRID, OWN),
        ("raw+probe", GRID, GRID),
        ("random+probe", OWN, OWN),  # every seed has a random encoder of its own
        ("denoising+finetune", SAME_BUDGET, [(12, 6)]),
        ("scratch", [(12, 6)], [(12, 6)]),
        ("cnn", [(12, 6)], [(12, 6)]),
    ],
)
def test_what_shares_method_and_source_is_fitted_together(name, shared, per_seed):
    for plan, expected in ((images(), shared), (images(pretraining_per_seed=True), per_seed)):
        together = plan.together(a_run(plan, name))
        assert cells(together) == expected
        assert {run.method.name for run in together} == {name}


@pytest.mark.parametrize("per_seed", [False, True])
def test_every_run_belongs_to_one_batch_whichever_of_it_is_asked(per_seed):
    plan = images(pretraining_per_seed=per_seed)
    for run in plan.runs():
        together = plan.together(run)
        assert run in together
        assert all(plan.together(other) == together for other in together)


def test_batches_come_longest_first():
    """Sources to pretrain, of them fine-tuning, then heads, then probes; large budgets; then the other sources."""
    plan = images()
    groups = grouped(plan, plan.runs())
    assert next(iter(groups)) == ("denoising", 5)
    told = [(batch[0].method.name, batch[0].budget, len(batch)) for batch in groups["denoising", 5]]
    assert told == [
        ("denoising+finetune", 12, 3),
        ("denoising+finetune", 6, 3),
        ("denoising+mlp", 6, 6),
        ("denoising+probe", 6, 6),
    ]
    told = [(batch[0].method.name, batch[0].budget, len(batch)) for batch in groups["random", 9]]
    assert told == [("scratch", 12, 1), ("scratch", 6, 1), ("random+probe", 6, 2)]
    assert list(groups) == [
        ("denoising", 5),
        *((name, seed) for name in ("random", "cnn") for seed in SEEDS),
        ("raw", 0),
    ]
    handed = [run for batches in groups.values() for batch in batches for run in batch]
    assert len(handed) == len(plan.runs())
    assert set(handed) == set(plan.runs())


def test_a_resumed_study_has_batches_of_what_is_left():
    plan = images(methods=("denoising+probe", "denoising+finetune"))
    done = [(a_run(plan, "denoising+probe", *cell), "ok") for cell in [(6, 5), (12, 9), (6, 9)]]
    done += [(a_run(plan, "denoising+finetune", 12, 5), "ok"), (a_run(plan, "denoising+finetune", 6, 5), "failed")]
    rows = [
        {"kind": "run", "method": run.method.name, "budget": run.budget, "seed": run.seed, "status": status}
        for run, status in done
    ]
    left = grouped(plan, unfinished(plan, rows))["denoising", 5]
    assert [(batch[0].method.name, cells(batch)) for batch in left] == [
        ("denoising+finetune", [(12, 6), (12, 9)]),
        ("denoising+finetune", [(6, 5), (6, 6), (6, 9)]),
        ("denoising+probe", [(12, 5), (6, 6), (12, 6)]),
    ]


class TestTrainedAsOne:
    """Encoders of several seeds: where networks are small and every seed has its own."""

    def test_small_networks_are_those_trained_faster_together(self):
        methods = ("denoising+probe", "denoising/tied+probe", "reconstruction/linear+probe")
        assert images(SMALL, methods).stacked == {BASE, "tied", "linear"}
        assert images(LARGE, methods).stacked == {"linear"}
        assert images(SMALL, ("random+probe", "raw+probe")).stacked == frozenset()

    @pytest.mark.parametrize(
        ("network", "way", "per_seed", "expected"),
        [
            (SMALL, EncoderSpec("denoising"), True, SEEDS),
            (SMALL, EncoderSpec("denoising", None, "greedy"), True, SEEDS),
            (SMALL, EncoderSpec("denoising"), False, (6,)),
            (LARGE, EncoderSpec("denoising"), True, (6,)),
            (LARGE, EncoderSpec("denoising", "linear"), True, SEEDS),
            (LARGE, EncoderSpec("denoising", "tied"), True, (6,)),
        ],
    )
    def test_seeds_together(self, network, way, per_seed, expected):
        methods = ("denoising+probe", "denoising/greedy+probe", "denoising/linear+probe", "denoising/tied+probe")
        plan = images(network, methods, pretraining_per_seed=per_seed)
        assert plan.seeds_together(way, 6) == expected

    def test_sources_of_all_seeds_are_one_and_those_without_pretraining_are_not(self):
        plan = images(pretraining_per_seed=True)
        assert plan.trained_as_one(("denoising", 9)) == plan.trained_as_one(("denoising", 5)) == ("denoising", 5)
        for key in (("random", 9), ("cnn", 9), ("raw", 0)):
            assert plan.trained_as_one(key) == key
        for other in (images(), images(LARGE, pretraining_per_seed=True)):
            assert other.trained_as_one(("denoising", 9)) == ("denoising", 9)

    def test_precision_is_the_pretrainings_of_each_network(self):
        methods = ("denoising+probe", "denoising/tied+probe", "scratch/linear")
        plan = images(Conv(channels=(4,), latent_dim=4), methods, precision="bfloat16", memory_format="contiguous")
        assert plan.numerics.keys() == {BASE, "tied"}
        for way in (EncoderSpec("denoising"), EncoderSpec("denoising", "tied")):
            numerics = plan.job(way, 0).numerics
            assert (numerics.precision, numerics.memory_format) == ("bfloat16", "contiguous")
        assert plan.job(EncoderSpec("random", "linear"), 0).numerics.precision == "float32"
        assert plan.settings()["numerics"]["tied"]["precision"] == "bfloat16"


A5, A6, B = ("a", 5), ("a", 6), ("b", 0)


def as_one(key):
    return ("a", 5) if key[0] == "a" else key


class TestSchedule:
    """Two sources whose encoders are trained in one go, and one that has none."""

    def test_no_two_workers_train_what_is_trained_in_one_go(self):
        for first, other in ((A5, A6), (A6, A5)):
            schedule = Schedule({first: [1, 2], other: [3], B: [4, 5]}, as_one)
            assert schedule.next(None) == (first, 1)
            assert schedule.next(None) == (B, 4)  # past the other seed

    @pytest.mark.parametrize(("first", "second"), [(A5, A6), (A6, A5)], ids=str)
    def test_others_wait_and_then_join(self, first, second):
        schedule = Schedule({first: [1, 2], second: [3]}, as_one)
        schedule.next(None)
        found: list[object] = []
        other = threading.Thread(target=lambda: found.append(schedule.next(None)), daemon=True)
        other.start()
        other.join(0.05)
        assert found == []
        schedule.done(first)
        other.join(5)
        assert found == [(first, 2)]
        assert schedule.next(first) == (second, 3)
        assert schedule.next(first) is None

    def test_all_is_handed_out_once_whoever_asks(self):
        schedule = Schedule({A5: [1, 2], A6: [3], B: [4, 5]}, as_one)
        handed: list[tuple[object, int]] = []

        def work():
            key = None
            while (task := schedule.next(key)) is not None:
                key = task[0]
                handed.append(task)
                schedule.done(key)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(5)
        assert sorted(handed) == [(A5, 1), (A5, 2), (A6, 3), (B, 4), (B, 5)]

    def test_each_source_is_begun_alone_where_nothing_is_trained_in_one_go(self):
        schedule = Schedule({A5: [1], A6: [3]})
        assert [schedule.next(None), schedule.next(None)] == [(A5, 1), (A6, 3)]
