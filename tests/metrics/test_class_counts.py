"""Classes with their counts, in words and as the share that needs no classifier."""

from fewlabels.metrics.class_counts import classes_in_words, majority_share


def test_the_majority_share_is_that_of_the_most_frequent_class():
    assert majority_share([3, 9]) == 0.75
    assert majority_share([0, 0]) == 0.0


def test_few_classes_are_all_named_and_the_first_of_equals_leads():
    said = classes_in_words(["a", "b", "c"], [5, 7, 7])
    assert said == "3 classes: a (5), b (7), c (7); always naming b is right in 36.8%."


def test_of_many_classes_the_rarest_and_the_most_frequent_are_named():
    names = [f"class {k}" for k in range(40)]
    said = classes_in_words(names, [*range(1, 40), 1000])
    assert said == "40 classes, from class 0 (1) to class 39 (1,000); always naming class 39 is right in 56.2%."
