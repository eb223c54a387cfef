"""What a plan fills in and refuses, what its settings hold, and which runs share an encoder."""

import json

import numpy as np
import pytest

from fewlabels.core.errors import InputError
from fewlabels.core.settings import to_json
from fewlabels.networks import Conv, Dense
from fewlabels.objectives import OBJECTIVES, Reconstruction
from fewlabels.pipelines.defaults import default_pretraining
from fewlabels.pipelines.encoder_specs import EncoderSpec
from fewlabels.pipelines.methods import Method
from fewlabels.study.execute import grouped, unfinished
from fewlabels.study.plan import Run
from fewlabels.training import Job, Layerwise, Recipe, build
from toy_plans import CONV, IMAGE, blobs, images, names, plan_of


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


def test_pools_too_small_to_compare_examples_have_no_objectives_that_do():
    given = names(plan_of(blobs(9)).methods)  # three of them unlabelled
    assert "denoising+graph" in given
    assert not [name for name in given if name.startswith("contrastive")]
    with pytest.raises(InputError, match="needs 4 or more without labels, two of them to validate on, and has 3"):
        plan_of(blobs(9), methods=["contrastive+probe"])


def test_objectives_of_two_views_have_a_recipe_of_their_own_unless_one_is_given():
    methods = ["denoising+probe", "contrastive+probe", "vicreg+probe"]
    plan = plan_of(blobs(), methods=methods)
    jobs = {name: plan.job(EncoderSpec(name), 0).recipe for name in ("denoising", "contrastive", "vicreg")}
    assert jobs["denoising"] == plan.pretraining
    assert jobs["contrastive"] == jobs["vicreg"] == default_pretraining(30, plan.network, OBJECTIVES["contrastive"])
    assert (jobs["contrastive"].lr, jobs["contrastive"].batch_size) == (4e-3, 64)
    settings = plan.settings()
    assert settings["recipe"] == to_json(jobs["denoising"])
    assert settings["recipes"] == {name: to_json(jobs[name]) for name in ("contrastive", "vicreg")}
    given = plan_of(blobs(), methods=methods, pretraining=Recipe(steps=7))
    assert {given.job(EncoderSpec(name), 0).recipe for name in jobs} == {Recipe(steps=7)}
    assert given.settings()["recipes"] == {}


@pytest.mark.parametrize(
    ("n", "batch_size", "steps"),
    [(20, 64, 300), (1800, 112, 300), (5000, 312, 300), (60_000, 512, 937), (10**6, 512, 940)],
)
def test_large_pools_are_seen_eight_times_in_batches_of_512(n, batch_size, steps):
    recipe = default_pretraining(n, Dense(), OBJECTIVES["contrastive"])
    assert (recipe.batch_size, recipe.steps, recipe.patience) == (batch_size, steps, None)


def test_runs_that_share_an_encoder_are_grouped_and_pretraining_comes_first():
    plan = plan_of(
        blobs(), methods=["raw+probe", "scratch", "random+probe", "denoising+probe", "denoising+mlp"], seeds=2
    )
    groups = grouped(plan, plan.runs())
    assert next(iter(groups)) == ("denoising", 0)
    assert {run.method.name for batch in groups["denoising", 0] for run in batch} == {
        "denoising+probe",
        "denoising+mlp",
    }
    assert {run.seed for batch in groups["denoising", 0] for run in batch} == {0, 1}  # shared by all seeds
    assert {run.method.name for batch in groups["random", 1] for run in batch} == {"scratch", "random+probe"}
    assert sum(len(batch) for batches in groups.values() for batch in batches) == len(plan.runs())


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


def run_of(name, seed):
    source, _, transfer = name.partition("+")
    return Run(Method(source, transfer or "finetune"), 6, seed)


class TestSources:
    METHODS = (
        "raw+probe",
        "pca+mlp",
        "cnn",
        "scratch",
        "scratch/residual",
        "random+probe",
        "random/residual+probe",
        "denoising+probe",
        "denoising/tied+probe",
        "denoising/greedy+finetune",
        "denoising/tied/greedy+mlp",
    )

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("name", "shared", "per_seed"),
        [
            ("raw+probe", ("raw", 0), ("raw", 0)),
            ("pca+mlp", ("pca", 0), ("pca", 0)),
            ("cnn", ("cnn", 7), ("cnn", 7)),
            ("scratch", ("random", 7), ("random", 7)),
            ("random+probe", ("random", 7), ("random", 7)),
            ("scratch/residual", ("random/residual", 7), ("random/residual", 7)),
            ("random/residual+probe", ("random/residual", 7), ("random/residual", 7)),
            ("denoising+probe", ("denoising", 5), ("denoising", 7)),
            ("denoising/tied+probe", ("denoising/tied", 5), ("denoising/tied", 7)),
            ("denoising/greedy+finetune", ("denoising/greedy", 5), ("denoising/greedy", 7)),
            ("denoising/tied/greedy+mlp", ("denoising/tied/greedy", 5), ("denoising/tied/greedy", 7)),
        ],
    )
    def test_what_the_features_of_a_run_come_from(self, name, shared, per_seed):
        options = {"methods": self.METHODS, "seeds": [5, 7], "network": CONV}
        assert images(**options).source_key(run_of(name, 7)) == shared
        assert images(**options, pretraining_per_seed=True).source_key(run_of(name, 7)) == per_seed

    def test_other_networks_and_schedules_are_groups_of_their_own(self):
        plan = images(methods=self.METHODS, seeds=2, network=CONV)
        groups = grouped(plan, plan.runs())
        assert {run.method.name for batch in groups["random/residual", 1] for run in batch} == {
            "scratch/residual",
            "random/residual+probe",
        }
        assert {run.method.name for batch in groups["random", 1] for run in batch} == {"scratch", "random+probe"}
        pretrained = [key for key in groups if key[0].startswith("denoising")]
        assert list(groups)[: len(pretrained)] == pretrained
        assert len(pretrained) == 4
        assert sum(len(batch) for batches in groups.values() for batch in batches) == len(plan.runs())


class TestJobs:
    RECIPE = Recipe(steps=7)

    def plan(self):
        return images(methods=["gan/tied", "scratch/residual"], network=CONV, pretraining=self.RECIPE)

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("way", "objective", "layerwise"),
        [
            (EncoderSpec("sparse"), OBJECTIVES["sparse"], None),
            (EncoderSpec("random"), Reconstruction(), None),
            (EncoderSpec("gan", None, "greedy"), OBJECTIVES["gan"], Layerwise()),
            (EncoderSpec("variational", None, "greedy-joint"), OBJECTIVES["variational"], Layerwise(joint=True)),
        ],
    )
    def test_a_way_becomes_a_job(self, way, objective, layerwise):
        assert self.plan().job(way, 3) == Job(CONV, objective, self.RECIPE, 3, layerwise)

    def test_a_named_network_is_the_plans(self):
        plan = self.plan()
        assert plan.job(EncoderSpec("gan", "tied"), 0).network == plan.networks["tied"]
        assert plan.job(EncoderSpec("random", "residual"), 0).network == plan.networks["residual"]

    @pytest.mark.slow
    @pytest.mark.parametrize("name", OBJECTIVES)
    def test_every_way_of_all_can_be_built(self, name):
        greedy = "" if OBJECTIVES[name].why_not_greedy else "/greedy"
        plan = images(methods=[name, f"{name}/tied{greedy}"], network=CONV)
        for method in plan.methods:
            net = build(plan.job(method.encoder_spec, 0), IMAGE)
            assert (net.input_shape, net.latent_dim) == (IMAGE, 8)
