"""An encoder given to the classifier: what a grid search may do with it, and what it may not."""

from __future__ import annotations

import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, ParameterGrid, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from fewlabels.core.errors import InputError
from toy_estimators import classifier, clusters, transformer


@pytest.mark.slow
def test_a_grid_over_encoders_scores_each_as_it_was_given(tmp_path):
    x, y = clusters()
    good = transformer(steps=100).fit(x)
    poor = transformer(objective="reconstruction", network="linear", latent_dim=1, steps=100).fit(x[y > 0])
    poor.save(tmp_path / "poor")
    encoders = [good.encoder_, poor.encoder_, tmp_path / "poor"]
    found = GridSearchCV(classifier(), {"encoder": encoders}, cv=2, error_score="raise").fit(x, y)
    alone = [cross_val_score(classifier(encoder=encoder), x, y, cv=2).mean() for encoder in encoders]
    assert found.cv_results_["mean_test_score"].tolist() == alone
    assert alone[0] > alone[1] == alone[2]
    assert found.best_estimator_.encoder_.latent_dim == good.encoder_.latent_dim


def test_a_grid_over_transformers_says_what_to_give_instead():
    x, y = clusters()
    grid = {"encoder": [transformer().fit(x), transformer(latent_dim=2).fit(x)]}
    with pytest.raises(
        NotFittedError, match=r"encoder is an AutoencoderT\w+ that is not fitted.* give transformer\.encoder_"
    ):
        GridSearchCV(classifier(), grid, cv=2, error_score="raise").fit(x, y)


def test_no_grid_changes_what_was_fitted_or_scores_one_encoder_under_two_names():
    x, y = clusters()
    given = transformer().fit(x)
    before = given.get_params()
    pipe = make_pipeline(FunctionTransformer(), classifier(encoder=given))
    for one, name in (
        (classifier(encoder=given), "encoder__latent_dim"),
        (pipe, "pretrainedclassifier__encoder__latent_dim"),
    ):
        assert name not in one.get_params()
        with pytest.raises(InputError, match="encoder__latent_dim cannot be set: the encoder is pretrained already"):
            GridSearchCV(one, {name: [1, 2]}, cv=2).fit(x, y)
        assert given.get_params() == before


def test_a_refused_setting_leaves_the_others_as_they_were():
    one = classifier(encoder=transformer())
    with pytest.raises(InputError, match="encoder__steps"):
        one.set_params(transfer="mlp", encoder__steps=9)
    assert (one.transfer, one.encoder.steps) == ("probe", 20)
    with pytest.raises(ValueError, match="Invalid parameter 'encode'"):
        one.set_params(encode=None)


def test_all_other_settings_are_told_set_and_cloned():
    one = classifier(encoder=transformer())
    changed = {"transfer": "mlp", "steps": 7, "unlabelled": None, "encoder": None}
    assert one.get_params(deep=True) == one.get_params(deep=False) == vars(one)
    assert one.set_params(**next(iter(ParameterGrid({k: [v] for k, v in changed.items()})))) is one
    assert {**one.get_params(), **changed} == one.get_params() == clone(one).get_params()
