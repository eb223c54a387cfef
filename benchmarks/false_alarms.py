"""`python -m benchmarks.false_alarms`: how often a verdict calls helps or hurts where neither side is better.

`looks`: studies of made-up normal differences, read at 5, 10 and 20 seeds, with and without the correction, and what
the correction costs a study that is read once. `encoders`: both sides are encoders made in the same way, which differ
in their seed alone, one shared by all draws of labels, or a fresh one for each. `candidates`: one side chooses by
validation among more methods than the other, all of one family.
"""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import stats

from fewlabels.metrics.looks import level_of_look
from fewlabels.metrics.verdict import LEVEL, MIN_SEEDS, MIN_WIN_PROBABILITY

Array = np.ndarray

LOOKS = (5, 10, 20)
BUDGETS = (20, 50, 100)
CORRECTED = tuple(level_of_look(LEVEL, look) for look in (1, 2, 3))
UNCORRECTED = (LEVEL, LEVEL, LEVEL)


def called(differences: Array, level: float) -> Array:
    """[..., budgets] bool: which budgets a verdict would call helps or hurts, as `Comparison.call` does.

    differences: [..., budgets, seeds]. level: of the intervals of all budgets together.
    """
    budgets, seeds = differences.shape[-2:]
    if seeds < MIN_SEEDS:
        return np.zeros(differences.shape[:-1], dtype=bool)
    factor = stats.t.ppf(1 - (1 - level) / (2 * budgets), df=seeds - 1) / math.sqrt(seeds)
    mean, reach = differences.mean(-1), factor * differences.std(-1, ddof=1)
    wins = (differences > 0).mean(-1) + (differences == 0).mean(-1) / 2
    helps, hurts = (mean > reach) & (wins >= MIN_WIN_PROBABILITY), (mean < -reach) & (1 - wins >= MIN_WIN_PROBABILITY)
    calls: Array = helps | hurts
    return calls


def alarms_at_looks(differences: Array, looks: Sequence[int], levels: Sequence[float]) -> Array:
    """[looks]: share of studies that call any budget at this look or one before.

    differences: [studies, budgets, seeds], the seeds of a look being the first so many.
    """
    found = [called(differences[..., :seeds], level).any(-1) for seeds, level in zip(looks, levels, strict=True)]
    shares: Array = np.logical_or.accumulate(found).mean(1)
    return shares


def power_of_one_look(effect: float, level: float, budgets: int, rng: np.random.Generator, studies: int) -> float:
    """How often one budget of several is decided over five seeds. effect: the difference, in its deviations."""
    draws = rng.normal(0, 1, (studies, budgets, MIN_SEEDS))
    draws[:, 0] += effect
    return float(called(draws, level)[:, 0].mean())


@dataclass(frozen=True)
class Figures:
    """Of probes on E encoders at B budgets and S draws of labels: each [E, B, S], accuracies as fractions."""

    accuracy: Array
    validation: Array
    log_loss: Array
    """In validation."""


def probe_figures(objective: str, encoders: int, draws: int, budgets: Sequence[int] = BUDGETS) -> Figures:
    """Probes on encoders of digits that differ in their seed alone. objective: 'random' for untrained ones."""
    from fewlabels.core.provenance import installed_versions
    from fewlabels.data import load, make_pools
    from fewlabels.study.data import StudyData, identity, write_arrays
    from fewlabels.study.plan import make_plan
    from fewlabels.study.sources import make_source
    from fewlabels.transfer import Case, Probe, per_example, tune_and_fit_all

    dataset = load("digits")
    pools = make_pools(dataset)
    seeds = max(encoders, draws)
    plan = make_plan(dataset, pools, f"{objective}+probe", budgets, seeds, pretraining_per_seed=True, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        known = identity(plan, dataset, pools)
        materials = write_arrays(plan, dataset, pools, Path(folder), known, installed_versions())
        data, classes = StudyData(materials), len(dataset.classes)
        cases = [Case(materials.draws[draw][:budget], draw) for budget in budgets for draw in range(draws)]
        found = np.empty((3, encoders, len(cases)))
        for encoder in range(encoders):
            source = make_source((objective, encoder), materials, data)
            for place, outcome in enumerate(tune_and_fit_all(Probe(classes), source.labelled, data.labelled_y, cases)):
                hits = per_example(outcome.classifier.log_proba(source.test), data.test_y)[0]
                assert outcome.chosen is not None
                found[:, encoder, place] = hits.mean(), outcome.chosen.accuracy, outcome.chosen.log_loss
    return Figures(*found.reshape(3, encoders, len(budgets), draws))


def alarms_of_shared_encoders(accuracy: Array, seeds: int = MIN_SEEDS) -> float:
    """Share of studies with a false alarm, where each side is one encoder for all seeds.

    accuracy: [E, B, S] of encoders made alike. A study is a pair of encoders and `seeds` draws of labels.
    """
    first, second = np.triu_indices(len(accuracy), 1)
    differences = accuracy[first] - accuracy[second]
    parts = [differences[..., at : at + seeds] for at in range(0, accuracy.shape[2] - seeds + 1, seeds)]
    return float(np.mean([called(part, LEVEL_ONCE).any(-1) for part in parts]))


LEVEL_ONCE = level_of_look(LEVEL, 1)


def candidates(
    figures: Figures, sizes: tuple[int, int], rng: np.random.Generator, studies: int, seeds: int, shared: bool = False
) -> tuple[Array, float]:
    """What more candidates do: mean difference [B] of the chosen, first minus second, and share of false alarms.

    At each seed either side chooses by validation among so many encoders, all made alike: the same ones at every seed
    of a study, where they are shared, or fresh ones.
    """
    encoders, budgets, draws = figures.accuracy.shape
    differences = np.empty((studies, budgets, seeds))
    for study in range(studies):
        for seed, draw in enumerate(rng.permutation(draws)[:seeds]):
            if seed == 0 or not shared:
                there = rng.permutation(encoders)
            first, second = (
                np.array([figures.accuracy[_best(figures, side, b, draw), b, draw] for b in range(budgets)])
                for side in (there[: sizes[0]], there[sizes[0] : sum(sizes)])
            )
            differences[study, :, seed] = first - second
    return differences.mean((0, 2)), float(called(differences, LEVEL_ONCE).any(-1).mean())


def _best(figures: Figures, side: Array, budget: int, draw: int) -> int:
    """The best in validation: accuracy, then log-loss, then order, as `choose_arm` does."""
    scores = figures.log_loss[side, budget, draw], -figures.validation[side, budget, draw]
    return int(side[np.lexsort(scores)[0]])


def show_looks(studies: int) -> None:
    rng = np.random.default_rng(0)
    print(f"Share of {studies:,} null studies with a false alarm at any budget, by the looks at 5, 10, 20 seeds")
    for budgets in (1, 3, 5):
        differences = rng.normal(0, 1, (studies, budgets, LOOKS[-1]))
        for words, levels in (("corrected", CORRECTED), ("uncorrected", UNCORRECTED)):
            shares = ", ".join(f"{share:.2%}" for share in alarms_at_looks(differences, LOOKS, levels))
            print(f"  budgets {budgets}, {words}: {shares}")
    print("Share of studies of 5 budgets that decide a budget in one look over five seeds, corrected and not")
    for effect in (1.0, 1.5, 2.0, 3.0):
        power = [power_of_one_look(effect, level, 5, rng, studies) for level in (CORRECTED[0], LEVEL)]
        print(f"  difference of {effect:g} deviations: {power[0]:.1%}, {power[1]:.1%}")


def show_encoders(encoders: int, draws: int) -> None:
    rng = np.random.default_rng(0)
    print(f"Share of null studies with a false alarm; digits, probes, {encoders} encoders, {BUDGETS} labels, 5 seeds")
    for objective in ("random", "denoising"):
        figures = probe_figures(objective, encoders, draws)
        accuracy = figures.accuracy
        shared = alarms_of_shared_encoders(accuracy)
        without = [alarms_of_shared_encoders(np.delete(accuracy, e, axis=0)) for e in range(encoders)]
        error = math.sqrt((encoders - 1) * np.var(without))  # jackknife over encoders
        _, fresh = candidates(figures, (1, 1), rng, 2000, MIN_SEEDS)
        spread = 100 * accuracy.mean(2).std(0, ddof=1)
        words = ", ".join(f"{points:.1f}" for points in spread)
        print(f"  {objective}: shared {shared:.1%} ± {error:.1%}, fresh for each seed {fresh:.1%}")
        print(f"    deviation between encoders, mean over {draws} draws of labels, in points: {words}")


def show_candidates(encoders: int, draws: int, studies: int) -> None:
    rng = np.random.default_rng(0)
    print(f"{studies:,} null studies of digits, {BUDGETS} labels: difference in points, share with a false alarm")
    for objective in ("random", "denoising"):
        figures = probe_figures(objective, encoders, draws)
        for sizes in ((5, 5), (9, 5), (9, 1)):
            for seeds, shared in ((5, False), (20, False), (5, True)):
                gain, share = candidates(figures, sizes, rng, studies, seeds, shared)
                points = ", ".join(f"{100 * value:+.2f}" for value in gain)
                kind = "shared" if shared else "fresh"
                print(f"  {objective}, {sizes[0]} against {sizes[1]}, {kind}, {seeds} seeds: {points}; {share:.1%}")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.false_alarms", description=__doc__)
    parser.add_argument("what", choices=("looks", "encoders", "candidates"))
    parser.add_argument("--quick", action="store_true", help="fewer studies and encoders: a minute")
    options = parser.parse_args(arguments)
    encoders, draws, studies = (16, 20, 300) if options.quick else (40, 40, 2000)
    if options.what == "looks":
        show_looks(2_000 if options.quick else 40_000)
    elif options.what == "encoders":
        show_encoders(encoders, draws)
    else:
        show_candidates(encoders, draws, studies)


if __name__ == "__main__":
    main()
