"""What a plan fills in and refuses, what its settings hold, and which runs share an encoder."""

import json

import numpy as np
import pytest
import torch
from toy_plans import IMAGE, VECTOR, blobs, check_of, names, plan_of

from fewlabels.errors import InputError
from fewlabels.networks import PAPER_1, VARIANTS, Conv, Dense, Residual, default_network
from fewlabels.objectives import OBJECTIVES, Reconstruction
from fewlabels.settings import to_json
from fewlabels.study.methods import FURTHER_WAYS, Method
from fewlabels.study.plan import Run, check_network
from fewlabels.study.run import grouped, unfinished
from fewlabels.study.ways import Way
from fewlabels.training import Job, Layerwise, Recipe, build

CONV = Conv(channels=(4,), latent_dim=8)


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


def images(**options):
    return plan_of(blobs(shape=IMAGE, dtype=np.uint8), **options)


class TestNetworks:
    def test_there_are_those_that_methods_name_and_no_others(self):
        methods = ["denoising/tied+probe", "scratch/residual", "raw+probe", "denoising/greedy+probe", "sparse/linear"]
        plan = images(methods=methods, network=CONV)
        assert plan.network == CONV
        assert plan.networks == {
            "tied": Conv(channels=(4,), latent_dim=8, tied=True),
            "residual": VARIANTS["residual"](CONV, IMAGE),
            "linear": Dense(hidden=(), latent_dim=8),
        }
        assert isinstance(plan.networks["residual"], Residual)
        assert images(methods=["default"]).networks == {}

    def test_all_needs_those_of_its_further_ways(self):
        needed = {part for way in FURTHER_WAYS for part in way.split("/")[1:]} & set(VARIANTS)
        assert set(images(methods=["all"]).networks) == needed == {"linear", "tied"}
        assert set(plan_of(blobs(), methods=["all"]).networks) == {"linear", "tied"}

    def test_settings_hold_them(self):
        plan = images(methods=["denoising/paper1+probe", "reconstruction/tied+probe"], network=CONV)
        settings = plan.settings()
        assert settings["network"] == to_json(CONV)
        assert settings["networks"] == {"paper1": to_json(PAPER_1), "tied": to_json(plan.networks["tied"])}
        assert settings["methods"] == ["denoising/paper1+probe", "reconstruction/tied+probe"]
        assert json.loads(json.dumps(settings)) == settings
        assert images(methods=["denoising/paper1+probe"]).settings()["networks"] == {"paper1": to_json(PAPER_1)}

    @pytest.mark.parametrize("name", VARIANTS)
    def test_any_of_them_may_be_the_studys_own(self, name):
        shape = (1, 28, 28)
        plan = plan_of(blobs(shape=shape, dtype=np.uint8), methods=["raw+probe"], network=name)
        assert plan.network == VARIANTS[name](default_network(shape), shape)
        assert plan.networks == {}

    @pytest.mark.parametrize("name", ["paper9", "", "Tied"])
    def test_an_unknown_name_is_refused(self, name):
        with pytest.raises(InputError) as caught:
            images(network=name)
        assert str(caught.value) == f"--network is {name!r}; allowed are default, {', '.join(VARIANTS)}"

    def test_one_that_cannot_be_tied_is_refused_by_name_and_left_out_of_a_group(self):
        residual = Residual(channels=(4, 4), latent_dim=5)
        with pytest.raises(InputError, match="network Residual cannot be tied; allowed are Dense and Conv"):
            images(methods=["denoising/tied+probe"], network=residual)
        plan = images(methods=["all"], network=residual)
        assert "tied" not in plan.networks
        assert "reconstruction/tied+probe" not in names(plan.methods)

    def test_one_that_does_not_fit_is_refused_as_the_studys_own(self):
        with pytest.raises(InputError, match="Conv needs images"):
            plan_of(blobs(), network="paper1")
        with pytest.raises(InputError, match="Residual needs images"):
            plan_of(blobs(), network="residual")

    def test_default_is_the_name_of_the_default(self):
        assert images(network="default").network == images().network

    def test_one_that_is_the_studys_own_already_is_refused_by_name_and_left_out_of_a_group(self):
        with pytest.raises(InputError) as caught:
            images(methods=["scratch/tied"], network="tied")
        assert str(caught.value) == "method 'scratch/tied': the study's network is that already; leave out '/tied'"
        given = names(images(methods=["all"], network="tied").methods)
        assert "reconstruction+probe" in given
        assert not any("tied" in name for name in given)

    def test_one_too_large_to_train_is_refused_without_being_built(self):
        shape = (3, 2048, 2048)
        with pytest.raises(InputError) as caught:
            check_network(Dense(hidden=(), latent_dim=10_000), shape)
        size = 2 * 10_000 * 3 * 2048**2 + 10_000 + 3 * 2048**2  # half a terabyte
        assert str(caught.value) == (
            f"network Dense has {size:,} parameters for examples of shape {shape}; allowed are 200,000,000; give "
            "narrower layers, or smaller images with --size"
        )


class TestSchedules:
    @pytest.mark.parametrize("name", ["variational-bernoulli/greedy+probe", "sparse-target/greedy-joint+probe"])
    def test_what_cannot_train_inner_stages_is_refused_before_any_work(self, name):
        with pytest.raises(InputError) as caught:
            images(methods=[name], network=CONV)
        objective, _, schedule = name.removesuffix("+probe").partition("/")
        assert str(caught.value) == (
            f"method {name!r}: {objective} cannot train the layers below the last "
            f"({OBJECTIVES[objective].never_below}); leave out '/{schedule}'"
        )

    def test_fewer_steps_than_phases_are_refused_before_any_work(self):
        with pytest.raises(InputError, match="steps is 2; allowed is 3 or more, one for each layer-wise phase"):
            images(methods=["sparse/greedy-joint"], network=CONV, pretraining=Recipe(steps=2))


class TestChecks:
    def test_a_check_keeps_only_networks_that_could_be_built(self):
        check = check_of(VECTOR, np.float32)
        for method in ("raw", "random", "denoising", "denoising/tied"):
            check(Method(method, "probe"))
        for method in ("random/residual", "variational-bernoulli/linear"):
            with pytest.raises(InputError):
                check(Method(method, "probe"))
        assert set(check.networks) == {"tied"}

    def test_it_leaves_torchs_randomness_alone(self):
        before = torch.get_rng_state()
        images(methods=["all"])
        assert torch.equal(torch.get_rng_state(), before)


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

    @pytest.mark.parametrize(
        ("way", "objective", "layerwise"),
        [
            (Way("sparse"), OBJECTIVES["sparse"], None),
            (Way("random"), Reconstruction(), None),
            (Way("gan", None, "greedy"), OBJECTIVES["gan"], Layerwise()),
            (Way("variational", None, "greedy-joint"), OBJECTIVES["variational"], Layerwise(joint=True)),
        ],
    )
    def test_a_way_becomes_a_job(self, way, objective, layerwise):
        assert self.plan().job(way, 3) == Job(CONV, objective, self.RECIPE, 3, layerwise)

    def test_a_named_network_is_the_plans(self):
        plan = self.plan()
        assert plan.job(Way("gan", "tied"), 0).network == plan.networks["tied"]
        assert plan.job(Way("random", "residual"), 0).network == plan.networks["residual"]

    @pytest.mark.parametrize("name", OBJECTIVES)
    def test_every_way_of_all_can_be_built(self, name):
        greedy = "" if OBJECTIVES[name].never_below else "/greedy"
        plan = images(methods=[name, f"{name}/tied{greedy}"], network=CONV)
        for method in plan.methods:
            net = build(plan.job(method.way, 0), IMAGE)
            assert (net.input_shape, net.latent_dim) == (IMAGE, 8)
