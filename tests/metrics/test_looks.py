"""Looking at a study more than once: what a look may spend, and the number of seeds that would probably decide."""

import numpy as np
import pytest
from scipy import stats

from fewlabels.metrics.looks import level_of_look, seeds_to_decide


def test_the_looks_together_spend_no_more_than_there_is():
    spent = [1 - level_of_look(0.95, look) for look in range(1, 40)]
    assert spent[:3] == pytest.approx([0.04, 0.008, 0.0016])
    assert sum(spent) == pytest.approx(0.05)


def test_seeds_to_decide_is_the_first_with_a_power_of_four_fifths():
    """Power by the noncentral t distribution, against scipy's own one-sample t-test on simulated differences."""
    n = seeds_to_decide(1.5, 1.0, 0.992, least=6, wins=0.75)
    draws = np.random.default_rng(0).normal(1.5, 1, (4000, 20))

    def decided(seeds):
        p = stats.ttest_1samp(draws[:, :seeds], 0, axis=1).pvalue
        return np.mean((p < 0.008) & ((draws[:, :seeds] > 0).mean(1) >= 0.75))

    assert decided(n - 1) < 0.8 + 0.02
    assert decided(n) > 0.8 - 0.02


@pytest.mark.parametrize("effect", [0.85, 0.95, 1.3])
def test_both_conditions_hold_together_in_four_of_five_studies(effect):
    """Each of them does so with fewer seeds: at 0.95 with 18, where both together come to 0.76."""
    n = seeds_to_decide(effect, 1.0, 0.992, least=6, wins=0.75)
    draws = np.random.default_rng(0).normal(effect, 1, (20_000, n))
    t = stats.ttest_1samp(draws, 0, axis=1)
    decided = (t.pvalue < 0.008) & (t.statistic > 0) & ((draws > 0).mean(axis=1) >= 0.75)
    assert decided.mean() > 0.8


def test_a_larger_difference_takes_fewer_seeds_and_never_fewer_than_the_least():
    found = [seeds_to_decide(effect, 1.0, 0.992, least=6, wins=0.75) for effect in (0.9, 1.2, 2.0, 9.0)]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 6
    assert [seeds_to_decide(-effect, 1.0, 0.992, least=6, wins=0.75) for effect in (0.9, 1.2, 2.0, 9.0)] == found


def test_no_number_of_seeds_decides_what_wins_too_seldom():
    """A difference of half its deviation wins in 69% of seeds: the interval narrows, the wins do not come."""
    assert seeds_to_decide(0.5, 1.0, 0.95, least=6, wins=0.75) is None
    assert seeds_to_decide(0.5, 1.0, 0.95, least=6, wins=0.5) is not None
    assert seeds_to_decide(0.0, 1.0, 0.95, least=6, wins=0.0) is None


def test_differences_that_never_vary_decide_at_once_or_never():
    assert seeds_to_decide(0.1, 0.0, 0.95, least=6, wins=0.75) == 6
    assert seeds_to_decide(0.0, 0.0, 0.95, least=6, wins=0.75) is None
