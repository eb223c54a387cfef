"""Reading a study more than once: how much chance of a false alarm each look may spend, and when to look again."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from scipy import stats

SPENT = 0.8
"""Share of what the looks before have left of the chance of a false alarm that a look spends."""
PROBABLY = 0.8
MOST_SEEDS = 100


def level_of_look(level: float, look: int) -> float:
    """The level of the intervals at the 1st, 2nd, 3rd ... look, so that all looks hold together at `level`.

    Of the chance of a false alarm, 1 - level, look k spends 0.8 * 0.2 ** (k - 1): 0.8, 0.16, 0.032, ... of it. The sum
    over any number of looks stays below the whole, so by Boole's inequality the promise holds whatever the numbers of
    seeds, and however the decision to go on came about: neither they nor the number of looks need be fixed beforehand.
    The first look has the most because most studies are read once: its intervals over five seeds and five budgets are
    6% wider than without the correction (`python -m benchmarks.false_alarms looks`).

    References
    ----------
    Lan and DeMets (1983), Discrete sequential boundaries for clinical trials, in the form of Fleming, Harrington and
    O'Brien (1984), where spending goes by the looks themselves.

    Examples
    --------
    >>> from fewlabels.metrics.looks import level_of_look
    >>> [round(level_of_look(0.95, look), 4) for look in (1, 2, 3)]
    [0.96, 0.992, 0.9984]
    """
    return 1 - (1 - level) * SPENT * (1 - SPENT) ** (look - 1)


def seeds_to_decide(
    difference: float, deviation: float, level: float, least: int, wins: float, most: int = MOST_SEEDS
) -> int | None:
    """The smallest number of seeds, `least` to `most`, that would probably decide; None where none would.

    Probably: with a chance of 0.8 or more that Student's t interval at `level` excludes zero and at least a share
    `wins` of the seeds agrees, if the differences are normal with the mean and deviation given. The chance is taken to
    be the product of the two; they seldom come apart, so it is rather more. Mean and deviation are estimates
    themselves, so the number is a guide and no promise.

    Parameters
    ----------
    difference, deviation
        Mean of the paired differences and their standard deviation over seeds.
    level
        Of the interval at the next look, all corrections in it.
    least, most
        Allowed numbers of seeds.
    wins
        Share of the seeds that must agree, a fraction.
    """
    if deviation == 0:
        return least if difference else None
    effect = abs(difference) / deviation
    n = np.arange(least, most + 1)
    excludes = stats.nct.sf(stats.t.ppf((1 + level) / 2, n - 1), n - 1, effect * np.sqrt(n))
    agrees = stats.binom.sf(np.ceil(wins * n) - 1, n, NormalDist().cdf(effect))
    enough = n[excludes * agrees >= PROBABLY]
    return int(enough[0]) if len(enough) else None
