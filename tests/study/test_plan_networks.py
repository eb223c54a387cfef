"""The networks and schedules a plan accepts, and those it refuses before any work."""

import json

import numpy as np
import pytest
import torch

from fewlabels.core.errors import InputError
from fewlabels.core.settings import to_json
from fewlabels.networks import PAPER_1, VARIANTS, Conv, Dense, Residual, default_network
from fewlabels.objectives import OBJECTIVES
from fewlabels.pipelines.methods import FURTHER_WAYS, Method
from fewlabels.study.plan import check_network
from fewlabels.training import Recipe
from toy_plans import CONV, IMAGE, VECTOR, blobs, check_of, images, names, plan_of


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

    @pytest.mark.slow
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

    @pytest.mark.parametrize(("name", "hint"), [("huge", ""), ("", ""), ("Tied", "; did you mean 'tied'?")])
    def test_an_unknown_name_is_refused(self, name, hint):
        with pytest.raises(InputError) as caught:
            images(network=name)
        assert str(caught.value) == f"`network` is {name!r}; allowed are default, {', '.join(VARIANTS)}{hint}"

    @pytest.mark.slow
    def test_one_that_cannot_be_tied_is_refused_by_name_and_left_out_of_a_group(self):
        residual = Residual(channels=(4, 4), latent_dim=5)
        with pytest.raises(InputError, match="network Residual cannot be tied; allowed are Dense, Conv"):
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
            "narrower layers, or smaller images (`size`)"
        )


class TestSchedules:
    @pytest.mark.parametrize("name", ["variational-bernoulli/greedy+probe", "sparse-target/greedy-joint+probe"])
    def test_what_cannot_train_inner_stages_is_refused_before_any_work(self, name):
        with pytest.raises(InputError) as caught:
            images(methods=[name], network=CONV)
        objective, _, schedule = name.removesuffix("+probe").partition("/")
        assert str(caught.value) == (
            f"{name.removesuffix('+probe')}: {objective} cannot train the layers below the last "
            f"({OBJECTIVES[objective].why_not_greedy}); leave out '/{schedule}'"
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
