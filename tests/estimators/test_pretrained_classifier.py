"""The classifier: few labels among many examples, encoders of one's own, folders, scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_score

from fewlabels.core.errors import InputError
from fewlabels.estimators.inputs import classes_of, labels_of
from fewlabels.models import load_classifier
from toy_estimators import classifier, clusters, pictures, transformer

NAMES = np.array(["cat", "dog", "eel"])


def few_labels(y: np.ndarray, kept: int) -> np.ndarray:
    """y with -1 from the `kept`-th example on."""
    return np.where(np.arange(len(y)) < kept, y, -1)


@pytest.mark.slow
@pytest.mark.parametrize("transfer", ["probe", "mlp", "finetune"])
def test_a_hundred_labels_of_digits_do_as_well_as_logistic_regression_on_all_pixels(transfer):
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y, x_test, y_test = x[order[:1297]], y[order[:1297]], x[order[1297:]], y[order[1297:]]
    fitted = classifier(network="default", transfer=transfer, steps=300).fit(x, few_labels(y, 100))
    raw = LogisticRegression(max_iter=1000).fit(x[:100], y[:100]).score(x_test, y_test)  # 0.90
    assert fitted.score(x_test, y_test) > raw - 0.03
    assert fitted.model_.facts["labels"]["examples"] == 100
    assert fitted.encoder_.facts["data"]["examples"] == 1297
    assert log_loss(y_test, fitted.predict_proba(x_test)) < 0.8  # a tenth each gives 2.3


def test_probabilities_are_the_models_and_classes_are_ys():
    x, y = clusters()
    x = x.astype(np.float32)
    fitted = classifier().fit(x, NAMES[y])
    assert list(fitted.classes_) == list(NAMES)
    found = fitted.predict_log_proba(x)
    assert found.dtype == np.float64
    assert np.array_equal(found, fitted.model_.log_proba(x))
    np.testing.assert_allclose(fitted.predict_log_proba(x.astype(np.float64)), found, atol=1e-3)
    assert np.array_equal(fitted.predict(x), fitted.model_.predict(x))
    assert (fitted.predict(x) == NAMES[y]).mean() > 0.95
    assert fitted.temperature_ == fitted.model_.temperature != 1


def test_uint8_images_with_few_labels():
    x = pictures((8, 8), n=60)
    y = few_labels((x[:, -1, -1] > 160).astype(int), 30)
    fitted = classifier(steps=100).fit(x, y)
    assert str(fitted.model_.signature) == "grey images of 8x8 pixels (uint8)"
    assert fitted.score(x, (x[:, -1, -1] > 160).astype(int)) > 0.9
    rows = classifier(steps=100, image_shape=(8, 8)).fit(x.reshape(60, 64), y)
    assert np.array_equal(rows.predict_proba(x.reshape(60, 64)), fitted.predict_proba(x))


@pytest.mark.parametrize(
    ("y", "labelled", "classes"),
    [
        (np.array([3, -1, 1, 3]), [1, 0, 1, 1], [1, 3]),
        (np.array([3.0, -1.0, 1.0, 3.0]), [1, 0, 1, 1], [1.0, 3.0]),
        (np.array([3.0, np.nan, 1.0, -1.0]), [1, 0, 1, 0], [1.0, 3.0]),
        (np.array([True, False, True, True]), [1, 1, 1, 1], [False, True]),
        (np.array(["b", -1, "a", "b"], dtype=object), [1, 0, 1, 1], ["a", "b"]),
        (np.array(["b", -1, "a", "b"]), [1, 0, 1, 1], ["a", "b"]),
        (np.array([None, "", "a", "b"], dtype=object), [0, 0, 1, 1], ["a", "b"]),
        (np.array([np.nan, 2, 1, None], dtype=object), [0, 1, 1, 0], [1, 2]),
        (pd.Series(["b", None, "a", "b"]), [1, 0, 1, 1], ["a", "b"]),
        (pd.Series(["b", None, "a", "b"], dtype="category"), [1, 0, 1, 1], ["a", "b"]),
        (pd.Series([3, None, 1, 3], dtype="Int64"), [1, 0, 1, 1], [1, 3]),
        (["b", -1, "a", ""], [1, 0, 1, 0], ["a", "b"]),
    ],
)
def test_spellings_of_no_label(y, labelled, classes):
    found, labels = labels_of(y, -1)
    assert found.tolist() == [bool(flag) for flag in labelled]
    names, indices = classes_of(labels)
    assert names.tolist() == classes
    assert names[indices].tolist() == labels.tolist()
    assert len(labels) == sum(labelled)


def test_another_word_for_no_label():
    assert labels_of(np.array(["a", "?", "-1"]), "?")[0].tolist() == [True, False, True]
    assert labels_of(np.array([0, 1, -1]), None)[0].tolist() == [True, True, True]
    assert labels_of(np.array([0.0, np.nan, -1]), None)[0].tolist() == [True, False, True]


def test_minus_one_and_one_are_one_class_unless_told_otherwise():
    x, y = clusters()
    signs = np.where(y == 0, -1, 1)
    with pytest.raises(InputError, match=r"one class only, 1; .*unlabelled=None"):
        classifier().fit(x, signs)
    fitted = classifier(unlabelled=None).fit(x, signs)
    assert fitted.classes_.tolist() == [-1, 1]
    assert (fitted.predict(x) == signs).mean() > 0.95


@pytest.mark.parametrize(
    ("y", "says"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (np.full(60, -1), "no label at all"),
        (np.full(60, np.nan), "no label at all"),
        (np.full(60, np.inf), "infinity"),
        (np.arange(60) / 7, "continuous"),
        (np.arange(59) % 2, r"inconsistent numbers of samples: \[60, 59\]"),
        (np.ones((60, 2), dtype=int), "1d array"),
        (np.array(["a", 1] * 30, dtype=object), "both texts and numbers"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(y, says):
    with pytest.raises(ValueError, match=says):
        classifier().fit(clusters()[0], y)


def test_a_score_is_over_the_examples_with_a_label():
    x, y = clusters()
    fitted = classifier().fit(x, few_labels(y, 30))
    late, last = np.arange(60) >= 50, np.arange(60) >= 55
    wrong = np.where(late, (y + 1) % 3, -1)  # the only ten labels, all wrong
    half = np.where(last, y, wrong)
    assert fitted.score(x, y) > 0.95
    assert fitted.score(x, wrong) < 0.05
    assert fitted.score(x, half) == pytest.approx(0.5, abs=0.11)
    assert fitted.score(x, half, np.where(last, 3.0, 1.0)) == pytest.approx(0.75, abs=0.11)
    with pytest.raises(InputError, match="no label at all"):
        fitted.score(x, np.full(60, -1))


@pytest.mark.slow
@pytest.mark.parametrize("words", [False, True])
def test_cross_validation_of_few_labels(words):
    x, y = clusters()
    labels = np.where(few_labels(y, 30) == -1, "", NAMES[y]) if words else few_labels(y, 30)
    assert cross_val_score(classifier(), x, labels, cv=3, error_score="raise").min() > 0.8
    found = GridSearchCV(classifier(), {"transfer": ["probe", "mlp"]}, cv=2, error_score="raise").fit(x, labels)
    assert found.best_score_ > 0.8


def test_an_encoder_of_ones_own_takes_the_place_of_pretraining(tmp_path):
    x, y = clusters()
    y = few_labels(y, 30)
    pretrained = transformer(objective="reconstruction").fit(x)
    pretrained.save(tmp_path / "encoder")
    answers = [
        classifier(objective="no such", encoder=encoder).fit(x, y).predict_proba(x)
        for encoder in (pretrained, pretrained.encoder_, tmp_path / "encoder", str(tmp_path / "encoder"))
    ]
    assert all(np.array_equal(answer, answers[0]) for answer in answers)
    kept = classifier(encoder=pretrained)
    assert clone(kept).encoder is pretrained
    assert kept.encoder is pretrained
    assert kept.fit(x, y).encoder_ is pretrained.encoder_
    assert cross_val_score(kept, x, y, cv=2, error_score="raise").min() > 0.8


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"encoder": 7}, InputError, "encoder is 7; allowed"),
        ({"encoder": "nowhere"}, InputError, "nowhere: no such folder"),
        ({"encoder": transformer()}, NotFittedError, "not fitted"),
        ({"encoder": transformer().fit(clusters()[0][:, :5])}, InputError, "the model takes vectors of 5 numbers"),
        ({"encoder": transformer().fit(pictures((2, 3)))}, InputError, "the model takes grey images of 3x2"),
        (
            {"transfer": "magic"},
            InputError,
            "transfer 'magic' is unknown; allowed are best, finetune, graph, mlp, probe, student",
        ),
    ],
)
def test_settings_that_cannot_be_used_are_refused(settings, error, says):
    with pytest.raises(error, match=says):
        classifier(**settings).fit(*clusters())


@pytest.mark.slow
def test_a_saved_classifier_says_the_same(tmp_path):
    x, y = clusters()
    x = x.astype(np.float32)
    fitted = classifier(transfer="finetune").fit(x, NAMES[y])
    with pytest.raises(NotFittedError):
        classifier().save(tmp_path / "model")
    fitted.save(tmp_path / "model")
    read = load_classifier(tmp_path / "model")
    assert read.classes == tuple(NAMES)
    assert np.array_equal(read.log_proba(x), fitted.predict_log_proba(x))
    with pytest.raises(InputError, match="holds a model already"):
        fitted.save(tmp_path / "model")
    classifier().fit(x, NAMES[y]).save(tmp_path / "model", overwrite=True)
    assert not np.array_equal(load_classifier(tmp_path / "model").log_proba(x), fitted.predict_log_proba(x))


@pytest.mark.slow
def test_chance_in_transfer_comes_from_the_random_state():
    x, y = clusters()
    encoder = transformer().fit(x)
    first, same, other = (
        classifier(encoder=encoder, transfer="mlp", random_state=seed).fit(x, y).predict_proba(x) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
