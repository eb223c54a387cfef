"""Whatever scikit-learn asks of an estimator."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fewlabels import AutoencoderTransformer, PretrainedClassifier
from fewlabels.networks import Dense

SMALL = Dense(hidden=(), latent_dim=2)


def expected_failures(estimator):
    if not isinstance(estimator, PretrainedClassifier) or estimator.unlabelled is None:
        return {}
    return {
        "check_classifiers_classes": "fits classes -1 and 1, but -1 means unlabelled, as for SelfTrainingClassifier, "
        "which scikit-learn exempts by its name; with unlabelled=None, below, -1 is a class"
    }


@pytest.mark.slow
@parametrize_with_checks(
    [
        AutoencoderTransformer("reconstruction", SMALL, steps=5, device="cpu"),
        PretrainedClassifier("reconstruction", SMALL, "probe", steps=5, device="cpu"),
        PretrainedClassifier("reconstruction", SMALL, "finetune", steps=5, device="cpu", unlabelled=None),
    ],
    expected_failed_checks=expected_failures,
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)
