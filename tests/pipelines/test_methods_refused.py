"""Names of methods that are refused, and in which words."""

import numpy as np
import pytest

from fewlabels.core.errors import InputError
from fewlabels.networks import VARIANTS
from fewlabels.objectives import OBJECTIVES
from fewlabels.pipelines.methods import (
    parse_methods,
)
from fewlabels.transfer import TRANSFERS
from toy_plans import IMAGE, check_of, names

NETWORKS = ", ".join(VARIANTS)
ALWAYS = [name for name, row in TRANSFERS.items() if row.by_default]


def parsed(*given, shape=IMAGE, dtype=np.uint8):
    return names(parse_methods(given, check_of(shape, dtype)))


def anything(method):
    """A check that all methods pass."""


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("denoise+probe", "denoising+probe"),
        ("mask", "masked"),
        ("scrach", "scratch"),
        ("defualt", "default"),
    ],
)
def test_a_name_nearly_right_gets_a_hint(name, hint):
    with pytest.raises(InputError) as caught:
        parse_methods([name], anything)
    assert str(caught.value).startswith(f"unknown method {name!r}; did you mean {hint!r}? allowed are default, all")


@pytest.mark.parametrize("name", ["", "zzz", "+probe", "all+probe", "default/tied"])
def test_a_first_word_that_is_no_source_is_unknown(name):
    with pytest.raises(InputError) as caught:
        parse_methods([name], anything)
    assert str(caught.value).startswith(f"unknown method {name!r}; ")
    assert str(caught.value).endswith(
        "allowed are default, all, controls, scratch, cnn, convnet, svm, forest, boosting, and SOURCE+TRANSFER "
        f"with SOURCE one of raw, pca, random, {', '.join(OBJECTIVES)} "
        "and TRANSFER one of probe, mlp, finetune, graph, student"
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("denoising+", "allowed after denoising+ are probe, mlp, finetune, graph, student"),
        ("denoising+zzz", "allowed after denoising+ are probe, mlp, finetune, graph, student"),
        ("raw", "allowed after raw+ are probe, mlp, finetune, graph, student"),
        ("random/tied", "allowed after random/tied+ are probe, mlp, finetune, graph, student"),
        ("denoising/tied+probe+mlp", "allowed after denoising/tied+ are probe, mlp, finetune, graph, student"),
        ("raw/tied+probe", "raw takes no network and no schedule; leave out '/tied'"),
        ("pca/linear+mlp", "pca takes no network and no schedule; leave out '/linear'"),
        ("cnn/tied/greedy", "cnn takes no network and no schedule; leave out '/tied/greedy'"),
        ("cnn+probe", "cnn has no transfer; leave out '+probe'"),
        ("scratch/residual+finetune", "scratch has no transfer; leave out '+finetune'"),
        ("scratch/greedy", f"'greedy' cannot stand after scratch/; networks are {NETWORKS}"),
        ("random/tide+probe", f"'tide' cannot stand after random/; did you mean 'tied'? networks are {NETWORKS}"),
        ("scratch/tied/linear", "after scratch/ may stand one network; write them once, in this order"),
        ("tied", "'tied' is a network; write OBJECTIVE/tied+TRANSFER, or name it as `network`"),
        ("linear/sparse+probe", "'linear' is a network; write OBJECTIVE/linear+TRANSFER, or name it as `network`"),
        ("greedy+probe", "'greedy' is a schedule; write OBJECTIVE/greedy+TRANSFER"),
        (
            "denoising/tide+probe",
            f"'tide' cannot stand after denoising/; did you mean 'tied'? networks are {NETWORKS}, and schedules "
            "greedy, greedy-joint",
        ),
        *(
            (
                f"denoising/{rest}",
                "after denoising/ may stand one network, then one schedule; write them once, in this order",
            )
            for rest in ("greedy/tied+probe", "tied/linear+mlp", "greedy/greedy")
        ),
    ],
)
def test_the_part_that_makes_no_sense_is_named(name, says):
    with pytest.raises(InputError) as caught:
        parse_methods([name], anything)
    assert str(caught.value) == f"method {name!r}: {says}"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "raw+finetune",
            "method 'raw+finetune': raw features cannot be fine-tuned; allowed are +probe, +mlp, +graph",
        ),
        (
            "pca+finetune",
            "method 'pca+finetune': principal components cannot be fine-tuned; allowed are +probe, +mlp, +graph",
        ),
        (
            "raw+student",
            "method 'raw+student': raw features cannot be student of the graph; allowed are +probe, +mlp, +graph",
        ),
        ("random+finetune", "method 'random+finetune' is training from scratch; it is called 'scratch'"),
        (
            "random/residual+finetune",
            "method 'random/residual+finetune' is training from scratch; it is called 'scratch/residual'",
        ),
    ],
)
def test_what_cannot_be_or_has_another_name_is_said_in_one_line(name, says):
    with pytest.raises(InputError) as caught:
        parse_methods([name], anything)
    assert str(caught.value) == says


def test_one_bad_name_among_good_ones_is_refused():
    with pytest.raises(InputError, match="unknown method 'nonsense'"):
        parse_methods(["default", "nonsense"], anything)
