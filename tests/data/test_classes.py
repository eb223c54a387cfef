"""Classes as messy files have them: spellings, rare ones, numbers that were measured, identifiers."""

import warnings

import numpy as np
import pytest

from fewlabels import load
from fewlabels.core.errors import InputError
from fewlabels.data import Dataset, make_pools
from fewlabels.data.classes import settle_classes


def of_labels(labels, test=None):
    """A data set of single numbers, 0, 1, ..., so that examples can be told apart; "" is unlabelled."""
    classes = tuple(sorted({*labels, *(test or ())} - {""}))
    index = {name: k for k, name in enumerate(classes)} | {"": -1}

    def part(names):
        return np.arange(len(names), dtype=np.float32)[:, None], np.array([index[name] for name in names])

    return Dataset("made up", *part(labels), classes, *(part(test) if test else (None, None)))


def names(dataset, y=None):
    return ["" if k < 0 else dataset.classes[k] for k in (dataset.y if y is None else y)]


def settled(dataset, **options):
    """The data set, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = settle_classes(dataset, **options)
    return found, [str(warning.message) for warning in caught]


def test_spellings_of_one_name_are_told_and_folded_into_the_most_frequent():
    dataset = of_labels(["WO", "wo", "so", "wo", "", " Wo"], test=["WO", "so"])
    same, said = settled(dataset)
    assert said == [
        "made up: classes ' Wo', 'WO' and 'wo' differ by case or blanks only: `fold_case=True` makes them one"
    ]
    assert same.notices == ("classes ' Wo', 'WO' and 'wo' differ by case or blanks only",)
    assert (same.y == dataset.y).all()
    one, said = settled(dataset, fold_case=True)
    assert said == ["made up: ' Wo', 'WO' and 'wo' are one class, 'wo'"]
    assert names(one) == ["wo", "wo", "so", "wo", "", "wo"]
    assert names(one, one.y_test) == ["wo", "so"]


def test_names_that_differ_otherwise_stay_apart():
    dataset = of_labels(["wo", "w o", "who", "w  O"])
    one, _ = settled(dataset, fold_case=True)
    assert names(one) == ["wo", "w  O", "who", "w  O"]
    plain = of_labels(["a", "b"])
    assert settle_classes(plain, fold_case=True) is plain


def test_rare_classes_become_unlabelled_and_are_counted():
    dataset = of_labels(["a", "b", "a", "", "c", "b", "d", "d"])
    found, said = settled(dataset, min_per_class=2)
    assert said == [
        "made up: 1 class with fewer than 2 labelled examples left out ('c'): 1 example counted as unlabelled"
    ]
    assert found.notices == (said[0].removeprefix("made up: "),)
    assert names(found) == ["a", "b", "a", "", "", "b", "d", "d"]
    np.testing.assert_array_equal(found.x, dataset.x)
    assert settle_classes(dataset) is dataset
    with pytest.raises(InputError, match="`min_per_class` is 0; allowed is 1 or more"):
        settle_classes(dataset, min_per_class=0)


def test_classes_that_cannot_be_measured_are_left_out_of_the_test_set_too():
    dataset = of_labels(["a", "a", "b", "b", "c", "d", "d"], test=["c", "a", "d", "c", "a"])
    found, said = settled(dataset, min_per_class=2)
    assert "2 classes with fewer than 2 labelled examples or none in the test set left out ('b', 'c')" in said[0]
    assert said[0].endswith("3 examples counted as unlabelled, and 2 of the test set not used")
    assert names(found, found.y_test) == ["a", "d", "a"]
    assert found.x_test.ravel().tolist() == [1, 2, 4]
    assert len(make_pools(found).test) == 3


def test_folding_comes_before_counting():
    found, _ = settled(of_labels(["A", "a", "a", "b", "b", "b"]), fold_case=True, min_per_class=3)
    assert found.classes == ("a", "b")


PRICES = [str(330 + 7 * k) for k in range(30)]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            ["a"] * 9 + ["b"] * 2,
            "class 'b' has 2 labelled examples, 3 are needed to give each pool one; label more of it, or "
            "`min_per_class` 3 counts examples of such classes as unlabelled",
        ),
        (["a"] * 9 + ["b", "c", "c"], "class 'b' has 1 labelled example, 3 are .* 2 of 3 classes have fewer; label"),
        (
            ["wo"] * 9 + ["so"] * 9 + ["WO"],
            "class 'WO' has 1 .*; 'WO' and 'wo' differ by case or blanks only: `fold_case=True` makes them one",
        ),
        (
            PRICES * 2,
            "class '330' has 2 labelled examples, .* 30 of 30 classes have fewer; its labels are 30 different whole "
            "numbers, 330 to 533, which are no classes where they were measured: give other labels, or put them into",
        ),
        ([f"r{k}" for k in range(40)], "its labels are perhaps identifiers or free text, which are no classes: give"),
        ([str(k) for k in range(21)] * 3 + ["21"], "class '21' has 1 labelled example, .*; label more of it, or `min_"),
    ],
)
def test_a_refusal_says_what_it_probably_is_and_what_settles_it(labels, message):
    with pytest.raises(InputError, match=message):
        make_pools(of_labels(labels))


def test_measured_labels_of_a_column_are_told_of(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("n,price\n" + "\n".join(f"{i % 7},{330 + 7 * (i % 30)}" for i in range(90)))
    with pytest.warns(UserWarning, match="t: the labels of column 'price' are 30 different whole numbers, 330 to 533,"):
        dataset = load(path, target="price")
    assert dataset.notices == (
        "the labels of column 'price' are 30 different whole numbers, 330 to 533, which are no classes where they were "
        "measured",
    )
    path.write_text("n,kind\n" + "\n".join(f"{i % 7},{i % 30}" for i in range(90)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(path, target="kind").notices == ()  # 30 classes, numbered from 0
    path.write_text("n,price\n1,7.5\n2,7.25\n3,7.5\n")
    with pytest.raises(
        InputError, match=r"has the label 7\.5, and 2 different numbers in all; .* measured numbers are no"
    ):
        load(path, target="price")


def test_what_data_were_read_with_is_known(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("n,id,label\n" + "\n".join(f"{i % 7},{i % 5},{'aabbA'[i % 5]}" for i in range(40)))
    assert load(path).options == {"target": "label"}
    asked = load(path, target="label", ignore=["id", "n"][:1], fold_case=True, min_per_class=3)
    assert asked.options == {"target": "label", "ignore": "id", "fold_case": "True", "min_per_class": "3"}
    assert asked.classes == ("a", "b")
