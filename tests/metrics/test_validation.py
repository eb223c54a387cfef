"""What candidates are compared by inside their labels, where one has answered fewer examples than the others."""

import numpy as np

from fewlabels.metrics.validation import comparable
from fewlabels.metrics.verdict import choose_arm
from made_up_rows import row


def validation(accuracy, first, folds=3, log_loss=1.0):
    """Over all folds, and over the first."""
    shared = {"accuracy": first, "log_loss": log_loss}
    return {"accuracy": accuracy, "log_loss": log_loss, "folds": folds, "first_fold": shared}


def test_the_first_fold_counts_where_one_candidate_has_no_other():
    many, few = validation(0.7, first=0.9), validation(0.8, first=0.8, folds=1)
    assert comparable([many, few]) == [many["first_fold"], few["first_fold"]]
    assert comparable([many, validation(0.9, first=0.1)])[0] == many


def test_records_that_do_not_tell_of_the_first_fold_are_compared_as_they_were():
    older = {"accuracy": 0.7, "log_loss": 1.0, "folds": 3}
    assert comparable([older, validation(0.8, first=0.6, folds=1)])[1]["accuracy"] == 0.8
    rows = [row("rival", 30, 0, 0.5, validation=0.7), row("student", 30, 0, 0.5, validation=0.8)]
    rows[1]["validation"]["folds"] = 1
    assert choose_arm(rows, ["rival", "student"])[30, 0]["method"] == "student"


def test_an_arm_goes_to_what_did_best_on_the_examples_that_all_have_answered():
    rows = [{**row("rival", 30, seed, 0.5), "validation": validation(0.7, first=0.9)} for seed in range(2)]
    rows += [{**row("student", 30, 0, 0.5), "validation": validation(0.8, first=0.8, folds=1)}]
    rows += [{**row("student", 30, 1, 0.5), "validation": validation(0.9, first=0.9, folds=1, log_loss=0.5)}]
    chosen = {seed: found["method"] for (_, seed), found in choose_arm(rows, ["rival", "student"]).items()}
    assert chosen == {0: "rival", 1: "student"}  # of equal accuracies the lower log-loss


def test_of_equally_good_candidates_the_one_with_fewer_folds_is_chosen_as_often_as_any():
    """30 labels, five candidates that are right on 70%: the last is validated on the 10 examples of its one fold."""
    rng, names, rows, cells = np.random.default_rng(0), ["a", "b", "c", "d", "student"], [], 2000
    for seed in range(cells):
        for name in names:
            hits = rng.random(30) < 0.7
            folds, answered = (1, hits[:10]) if name == "student" else (3, hits)
            told = validation(answered.mean(), hits[:10].mean(), folds, log_loss=rng.random())
            rows.append({"method": name, "budget": 30, "seed": seed, "validation": told})
    chosen = [found["method"] for found in choose_arm(rows, names).values()]
    assert abs(chosen.count("student") / cells - 1 / 5) < 0.03  # three of its deviations
