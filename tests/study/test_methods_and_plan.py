"""What names mean, which combinations are refused, and what a plan fills in."""

import json

import numpy as np
import pytest

from fewlabels.data import Dataset, make_pools
from fewlabels.errors import InputError
from fewlabels.networks import Conv, Dense
from fewlabels.objectives import OBJECTIVES
from fewlabels.study.methods import CONTROLS, DEFAULT_METHODS, Method, parse_methods
from fewlabels.study.plan import make_plan
from fewlabels.study.run import grouped, unfinished

IMAGE, VECTOR = (1, 8, 8), (64,)


def names(methods):
    return [method.name for method in methods]


def test_names_come_back_as_given_each_once():
    given = ["denoising+finetune", "raw+probe", "scratch", "cnn", "random+mlp", "raw+probe"]
    assert names(parse_methods(given, IMAGE)) == given[:-1]


def test_groups_hold_what_they_promise():
    assert names(parse_methods(["default"], IMAGE)) == list(DEFAULT_METHODS)
    assert names(parse_methods(["controls"], IMAGE)) == list(CONTROLS)
    assert set(names(parse_methods(["sparse"], IMAGE))) == {"sparse+probe", "sparse+mlp", "sparse+finetune"}
    everything = parse_methods(["all"], IMAGE)
    assert {m.source for m in everything if m.pretrained} == set(OBJECTIVES)
    assert set(CONTROLS) < set(names(everything))


def test_the_default_has_every_fair_control_and_every_way_of_transfer():
    methods = parse_methods(["default"], IMAGE)
    assert {m.transfer for m in methods if m.pretrained} == {"probe", "mlp", "finetune"}
    assert {m.name for m in methods if not m.pretrained} == {"raw+probe", "pca+probe", "random+probe", "scratch", "cnn"}


def test_vectors_have_no_cnn():
    assert "cnn" not in names(parse_methods(["default"], VECTOR))
    with pytest.raises(InputError, match="'cnn' needs images"):
        parse_methods(["cnn"], VECTOR)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("denoise+probe", "unknown method 'denoise\\+probe'; did you mean 'denoising\\+probe'"),
        ("raw+finetune", "cannot be fine-tuned; allowed are \\+probe and \\+mlp"),
        ("random+finetune", "it is called 'scratch'"),
        ("denoising+", "unknown method"),
        ("", "unknown method"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(name, says):
    with pytest.raises(InputError, match=says) as caught:
        parse_methods([name], IMAGE)
    assert "\n" not in str(caught.value)


def test_no_method_at_all_is_refused():
    with pytest.raises(InputError, match="no method given"):
        parse_methods([], IMAGE)


def blobs(n=120, shape=VECTOR):
    rng = np.random.default_rng(0)
    y = np.arange(n) % 3
    return Dataset(
        "blobs",
        (rng.normal(size=(n, *shape)) + y.reshape(-1, *(1,) * len(shape))).astype(np.float32),
        y,
        ("a", "b", "c"),
    )


def plan_of(dataset, **options):
    return make_plan(dataset, make_pools(dataset), **options)


def test_defaults_follow_the_data():
    plan = plan_of(blobs())
    assert plan.budgets == (10, 30)
    assert plan.seeds == (0, 1, 2, 3, 4)
    assert isinstance(plan.network, Dense)
    assert isinstance(plan_of(blobs(shape=(1, 20, 20))).network, Conv)


def test_budgets_are_put_in_order_and_checked_against_the_pool():
    assert plan_of(blobs(), budgets=[20, 6]).budgets == (6, 20)
    with pytest.raises(InputError, match="budget 500 is more than the 30 examples of the labelled pool"):
        plan_of(blobs(), budgets=[500])
    with pytest.raises(InputError, match="less than one label for each of the 3 classes"):
        plan_of(blobs(), budgets=[2])


@pytest.mark.parametrize("seeds", [0, -1, [], [1, 1], [-3]])
def test_seeds_that_are_none_are_refused(seeds):
    with pytest.raises(InputError, match="seeds"):
        plan_of(blobs(), seeds=seeds)


def test_the_grid_is_every_method_at_every_budget_and_seed():
    plan = plan_of(blobs(), methods=["raw+probe", "scratch"], budgets=[6, 12], seeds=3)
    cells = {(run.method.name, run.budget, run.seed) for run in plan.runs()}
    assert len(plan.runs()) == len(cells) == 2 * 2 * 3


def test_settings_are_json_and_tell_plans_apart():
    settings = plan_of(blobs()).settings()
    assert json.loads(json.dumps(settings)) == settings
    for other in ({"seeds": 3}, {"transductive": True}, {"pretraining_per_seed": True}, {"stratified": False}):
        assert plan_of(blobs(), **other).settings() != settings


def test_runs_that_share_an_encoder_are_grouped_and_pretraining_comes_first():
    plan = plan_of(
        blobs(), methods=["raw+probe", "scratch", "random+probe", "denoising+probe", "denoising+mlp"], seeds=2
    )
    groups = grouped(plan, plan.runs())
    assert next(iter(groups)) == ("denoising", 0)
    assert {run.method.name for run in groups["denoising", 0]} == {"denoising+probe", "denoising+mlp"}
    assert {run.seed for run in groups["denoising", 0]} == {0, 1}  # shared by all seeds
    assert {run.method.name for run in groups["random", 1]} == {"scratch", "random+probe"}
    assert sum(map(len, groups.values())) == len(plan.runs())


def test_pretraining_per_seed_gives_every_seed_its_encoder():
    plan = plan_of(blobs(), methods=["denoising+probe"], seeds=2, pretraining_per_seed=True)
    assert list(grouped(plan, plan.runs())) == [("denoising", 0), ("denoising", 1)]


def test_only_good_runs_count_as_finished():
    plan = plan_of(blobs(), methods=["raw+probe"], budgets=[6], seeds=3)
    cell = {"kind": "run", "method": "raw+probe", "budget": 6}
    rows = [
        {**cell, "seed": 0, "status": "ok"},
        {**cell, "seed": 1, "status": "failed"},
        {**cell, "seed": 2, "status": "failed"},
        {**cell, "seed": 2, "status": "ok"},
    ]
    assert [run.seed for run in unfinished(plan, rows)] == [1]


def test_labels_are_words():
    assert Method("denoising", "finetune").label == "denoising pretraining, fine-tuned"
    assert Method("raw", "probe").label == "raw features, linear probe"


def test_a_name_alone_and_numpy_numbers_will_do():
    plan = plan_of(blobs(), methods="raw+probe", budgets=np.array([6, 12]), seeds=np.int64(2))
    assert (names(plan.methods), plan.budgets, plan.seeds) == (["raw+probe"], (6, 12), (0, 1))
    assert json.loads(json.dumps(plan.settings())) == plan.settings()


def test_a_network_that_does_not_fit_is_refused_before_any_work():
    with pytest.raises(InputError, match="Conv needs images"):
        plan_of(blobs(), network=Conv())

    class Homemade(Dense):
        pass

    with pytest.raises(InputError, match=r"Homemade is defined in a script or notebook.*module of its own"):
        plan_of(blobs(), network=Homemade())


def test_tiny_images_have_no_cnn():
    assert "cnn" not in names(parse_methods(["default"], (1, 3, 3)))
