"""What the names of methods mean, what groups hold, and what data cannot have."""

import numpy as np
import pytest

from fewlabels.core.errors import InputError
from fewlabels.networks import VARIANTS
from fewlabels.objectives import OBJECTIVES
from fewlabels.pipelines.encoder_specs import SCHEDULES, EncoderSpec, parse_encoder_spec
from fewlabels.pipelines.methods import (
    DEFAULT_OBJECTIVES,
    FURTHER_WAYS,
    Method,
    all_names,
    control_names,
    default_names,
    parse_methods,
)
from fewlabels.transfer import TRANSFERS
from toy_plans import IMAGE, VECTOR, check_of, names

NETWORKS = ", ".join(VARIANTS)
ALWAYS = [name for name, row in TRANSFERS.items() if row.by_default]


def parsed(*given, shape=IMAGE, dtype=np.uint8):
    return names(parse_methods(given, check_of(shape, dtype)))


def anything(method):
    """A check that all methods pass."""


class TestGroups:
    def test_names_come_back_as_given_each_once(self):
        given = ["denoising/tied/greedy+finetune", "raw+probe", "scratch", "cnn", "random+mlp", "scratch/residual"]
        assert parsed(*given, "raw+probe", "scratch") == given

    def test_default_is_two_objectives_by_graph_and_probe_one_fine_tuned_and_controls_that_can_win(self):
        assert parsed("default") == [
            *("contrastive+graph", "denoising+graph", "contrastive+probe", "denoising+probe", "contrastive+finetune"),
            *("raw+graph", "raw+probe", "random+probe", "scratch", "svm"),
        ]
        assert parsed("default", shape=VECTOR) == [*parsed("default"), "boosting"]

    def test_default_is_on_the_pooled_network_where_that_suits(self):
        given = names(parse_methods(["default"], anything, "pooled"))
        assert given == default_names("pooled")
        assert given[:2] == ["contrastive/pooled+graph", "denoising/pooled+graph"]
        assert {"random/pooled+probe", "scratch/pooled"} < set(given)
        assert "scratch" not in given

    def test_objectives_that_decode_nothing_have_the_pooled_network_unless_they_name_one(self):
        given = ["contrastive@below+probe", "vicreg/dense+graph", "denoising+probe", "gan+probe", "random+probe"]
        found = names(parse_methods(given, anything, "pooled"))
        assert found == ["contrastive/pooled@below+probe", *given[1:]]

    def test_controls_are_those_of_the_default_and_more(self):
        assert set(control_names()) - set(default_names()) == {"pca+graph", "pca+probe", "cnn", "convnet", "forest"}
        assert parsed("controls") == [name for name in control_names() if name != "boosting"]
        assert "boosting" in parsed("controls", shape=VECTOR)
        assert all(not method.pretrained for method in parse_methods(["controls"], anything))

    def test_all_has_every_objective_with_every_transfer(self):
        given = parsed("all")
        assert given == [*all_names()[:-1], "random/linear+probe", "scratch/linear"]
        assert all_names()[-1] == "boosting"
        assert len(set(given)) == len(given)
        for objective in OBJECTIVES:
            for transfer in ALWAYS:
                assert f"{objective}+{transfer}" in given
        assert set(default_names()) - {"boosting"} < set(given)

    def test_all_has_further_ways_with_the_controls_of_their_networks(self):
        given = parsed("all")
        assert {f"{way}+{transfer}" for way in FURTHER_WAYS for transfer in ("probe", "finetune")} < set(given)
        ways = [parse_encoder_spec(way) for way in FURTHER_WAYS]
        assert None not in ways
        for network in {way.network for way in ways} - {None, "tied"}:  # tied encoders are the study's own
            assert f"random/{network}+probe" in given
            assert f"scratch/{network}" in given
        assert {way.schedule for way in ways} == {None, *SCHEDULES}

    def test_preference_without_validation_is_a_graph_on_either_side(self):
        expected = [f"{objective}+graph" for objective in DEFAULT_OBJECTIVES]
        for given, first in ((["default"], expected), (["all"], expected), (["masked", "controls"], ["masked+graph"])):
            methods = parse_methods(given, anything)
            pretrained = [method.name for method in methods if method.pretrained]
            assert pretrained[: len(first)] == first
            assert next(method.name for method in methods if not method.pretrained) == "raw+graph"
            assert [m.pretrained for m in methods] == sorted((m.pretrained for m in methods), reverse=True)

    @pytest.mark.parametrize("way", ["sparse", "sparse/tied", "gan/greedy", "masked/paper1/greedy-joint"])
    def test_a_way_stands_for_all_its_transfers(self, way):
        assert parsed(way) == [f"{way}+{name}" for name in ("graph", "probe", "mlp", "finetune")]

    def test_a_group_brings_the_controls_of_the_networks_that_methods_name(self):
        own = ["denoising/residual+probe", "sparse/tied+probe", "masked/paper1/greedy+mlp", "scratch/dense"]
        extra = ["random/residual+probe", "scratch/residual", "random/paper1+probe", "scratch/paper1"]
        assert parsed(*own, "controls", shape=(1, 28, 28)) == [*own, *control_names()[:-1], *extra]
        assert parsed(*own, shape=(1, 28, 28)) == own  # by name alone, one gets what one asks for

    def test_no_method_at_all_is_refused(self):
        with pytest.raises(InputError, match="no method given; name some in `methods`, such as default"):
            parse_methods([], anything)

        def nothing(method):
            raise InputError("cannot")

        with pytest.raises(InputError, match="no method given"):
            parse_methods(["default"], nothing)


class TestWhatDataCannotDo:
    def test_vectors_have_no_networks_of_images(self):
        given = parsed("all", shape=VECTOR, dtype=np.float32)
        assert set(all_names()) - set(given) == {
            "cnn",
            "convnet",
            *(f"variational-bernoulli+{transfer}" for transfer in ALWAYS),
        }

    def test_numbers_that_are_no_intensities_have_no_bernoulli_likelihood(self):
        lost = {"boosting"} | {f"variational-bernoulli+{way}" for way in ALWAYS}
        assert set(all_names()) - set(parsed("all", dtype=np.float32)) == lost
        assert set(parsed("all", dtype=np.uint8)) > set(all_names()) - {"boosting"}

    def test_tiny_images_have_neither_cnn_nor_convnet(self):
        assert set(all_names()) - set(parsed("all", shape=(1, 3, 3))) == {"cnn", "convnet", "boosting"}

    @pytest.mark.parametrize(
        ("name", "shape", "dtype", "says"),
        [
            (
                "cnn",
                VECTOR,
                np.float32,
                "the small CNN needs images of 4x4 pixels or more, got examples of shape (64,); leave out 'cnn'",
            ),
            (
                "scratch/residual",
                VECTOR,
                np.float32,
                "Residual needs images (channels, height, width), got examples of shape (64,); use Dense",
            ),
            (
                "denoising/paper1+probe",
                VECTOR,
                np.float32,
                "Conv needs images (channels, height, width), got examples of shape (64,); use Dense",
            ),
            (
                "random/paper2+probe",
                (1, 6, 6),
                np.uint8,
                "Conv with 3 levels of kernel 3 is too deep for images of 6x6; give fewer channels or larger images",
            ),
        ],
    )
    def test_by_name_it_is_refused_with_the_reason(self, name, shape, dtype, says):
        with pytest.raises(InputError) as caught:
            parsed(name, shape=shape, dtype=dtype)
        assert str(caught.value) == says

    def test_a_likelihood_that_does_not_fit_is_refused_by_name(self):
        for name in ("variational-bernoulli", "variational-bernoulli/tied+probe"):
            with pytest.raises(InputError, match=r"likelihood is 'bernoulli', but inputs reach from -.*'gaussian'"):
                parsed(name, dtype=np.float32)


@pytest.mark.parametrize(
    ("name", "method", "way", "label"),
    [
        ("raw+probe", Method("raw", "probe"), None, "raw features, linear probe"),
        ("pca+mlp", Method("pca", "mlp"), None, "principal components, MLP head"),
        ("cnn", Method("cnn", "finetune"), None, "paper 1's small CNN from scratch"),
        ("convnet", Method("convnet", "finetune"), None, "two convolutions from scratch"),
        ("scratch", Method("scratch", "finetune"), EncoderSpec("random"), "same network from scratch"),
        (
            "scratch/residual",
            Method("scratch/residual", "finetune"),
            EncoderSpec("random", "residual"),
            "from scratch, residual network",
        ),
        ("random+probe", Method("random", "probe"), EncoderSpec("random"), "random frozen encoder, linear probe"),
        (
            "random/tied+student",
            Method("random/tied", "student"),
            EncoderSpec("random", "tied"),
            "random weights, tied network, student of the graph",
        ),
        ("gan+finetune", Method("gan", "finetune"), EncoderSpec("gan"), "gan pretraining, fine-tuned"),
        (
            "sparse/tied/greedy+mlp",
            Method("sparse/tied/greedy", "mlp"),
            EncoderSpec("sparse", "tied", "greedy"),
            "sparse pretraining, tied network, greedy, MLP head",
        ),
    ],
)
def test_what_a_name_means(name, method, way, label):
    (found,) = parse_methods([name], anything)
    assert (found, found.name, found.encoder_spec, found.label) == (method, name, way, label)
    assert found.pretrained == (way is not None and way.objective != "random")
    assert found.whole == (name.partition("/")[0] if name.startswith(("scratch", "cnn", "convnet")) else None)


def test_labels_of_all_methods_differ():
    methods = parse_methods(["all"], anything)
    assert len({method.label for method in methods}) == len(methods)
