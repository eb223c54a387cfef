"""Figures in words: what a verdict comes to for somebody who wants a classifier, and whether to believe one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fewlabels.metrics.classification import Evaluation, chance_calibration_error
from fewlabels.metrics.sentence import deciding
from fewlabels.metrics.verdict import LEVEL, Verdict


@dataclass(frozen=True)
class Advice:
    """Said alike by the page and by the command line."""

    headline: str
    """One sentence: with so many labels use this, expect that."""
    reasons: str
    """What stands behind it, and what would decide where it is undecided; empty where there is nothing to compare."""
    method: str | None = None
    """Its name; None where there is nothing to compare."""
    budget: int | None = None
    """The labels that it is for; likewise."""

    def __str__(self) -> str:
        return f"{self.headline} {self.reasons}".rstrip()


def advise(verdict: Verdict, methods: Sequence[Mapping[str, Any]] = ()) -> Advice:
    """What to use at the largest budget: the side that the verdict favours, and the control where it is undecided.

    Accuracies are those of the verdict: of the method that validation chose at each seed. The control is the simpler
    side, because it needs no pretraining.

    methods: of the study's manifest, which say in words what each name stands for.
    """
    if not verdict.budgets:
        return Advice(verdict.sentence, "")
    last, labels = verdict.budgets[-1], {method["name"]: method["label"] for method in methods}
    c = last.comparison
    pretrained, control = _named(last.chosen_pretrained, labels), _named(last.chosen_control, labels)
    helps = c.call == "helps"
    use, accuracy, chosen = (
        (pretrained, c.first, last.chosen_pretrained) if helps else (control, c.second, last.chosen_control)
    )
    low, high = last.expected[0 if helps else 1]
    why = {"helps": "", "hurts": ", without pretraining", "undecided": ", the simpler choice"}[c.call]
    headline = f"With {c.budget:,} labels use {use}{why}: expect {accuracy:.1%}."
    reasons = [f"Another draw of {c.budget:,} labels would give {100 * low:.1f} to {high:.1%} ({LEVEL:.0%} interval)."]
    if not last.validated:
        reasons.append("So few labels allow no validation: each side is its first-named method, fixed beforehand.")
    elif len(chosen) > 1:
        reasons.append(
            f"Validation chose it in {max(chosen.values())} of {c.seeds} seeds; the figures are of all it chose."
        )
    reasons.append(
        {
            "helps": f"Pretraining helps there: the best control, {control}, reaches {c.second:.1%}.",
            "hurts": f"Pretraining hurts there: the best pretrained method, {pretrained}, reaches {c.first:.1%}.",
            "undecided": f"The best pretrained method, {pretrained}, reaches {c.first:.1%}; which of the two is better "
            f"is undecided: {deciding(last)}.",
        }[c.call]
    )
    return Advice(headline, " ".join(reasons), _favourite(chosen), c.budget)


def believed(evaluation: Evaluation) -> str:
    """Whether a classifier's confidence can be believed, in words.

    On average it can if the mean confidence lies in the interval of the accuracy. Then the calibration error tells of
    the rest: more than twice what chance alone would give is called uneven.
    """
    bins, (low, high) = evaluation.reliability, evaluation.accuracy_interval
    claimed = sum(one.count * one.confidence for one in bins) / evaluation.n
    error, chance = 100 * evaluation.calibration_error, 100 * chance_calibration_error(bins)
    apart = 100 * abs(claimed - evaluation.accuracy)
    if claimed > high:
        answer = f"No: it is too sure, by {apart:.1f} points on average."
    elif claimed < low:
        answer = f"No: it is less sure than it could be, by {apart:.1f} points on average."
    elif error > 2 * chance:
        answer = "On average yes, but not at every confidence."
    else:
        answer = f"Yes, as far as {evaluation.n:,} {'example' if evaluation.n == 1 else 'examples'} can tell."
    return (
        f"{answer} It claims to be right in {claimed:.1%} of cases and is in {evaluation.accuracy:.1%}; its "
        f"calibration error is {error:.1f} points, where chance alone would give about {chance:.1f}."
    )


def _favourite(chosen: Mapping[str, int]) -> str:
    """The method chosen most often."""
    return max(chosen, key=lambda method: chosen[method])


def _named(chosen: Mapping[str, int], labels: Mapping[str, str]) -> str:
    """The method chosen most often, with what it is."""
    name = _favourite(chosen)
    label = labels.get(name, name)
    return name if label == name else f"{name} ({label})"
