"""Each statistic against a known answer or an independent implementation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fewlabels.metrics.intervals import (
    bootstrap_interval,
    equivalent_labels,
    holm,
    next_draw_interval,
    paired_interval,
    sampling_error,
    wilcoxon_p,
    win_probability,
)

FIVE = [0.01, 0.03, -0.005, 0.02, 0.04]


def test_paired_interval_is_scipys_t_interval():
    expected = stats.ttest_1samp(FIVE, 0).confidence_interval(0.95)
    assert paired_interval(FIVE) == pytest.approx((expected.low, expected.high))


def test_paired_interval_for_several_comparisons_is_bonferronis():
    expected = stats.ttest_1samp(FIVE, 0).confidence_interval(0.99)
    assert paired_interval(FIVE, 0.95, comparisons=5) == pytest.approx((expected.low, expected.high))


def test_paired_interval_of_equal_differences_is_a_point():
    assert paired_interval([0.03] * 5) == pytest.approx((0.03, 0.03))
    assert not paired_interval([0.0] * 5).excludes_zero()


@pytest.mark.slow
def test_paired_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    intervals = [paired_interval(rng.normal(0.3, 1, 5)) for _ in range(4000)]
    covered = np.mean([low <= 0.3 <= high for low, high in intervals])
    assert covered == pytest.approx(0.95, abs=0.012)  # 3.5 standard errors


def test_bootstrap_interval_of_a_large_sample_is_the_normal_one():
    values = np.random.default_rng(1).normal(2, 1, 400)
    low, high = bootstrap_interval(values)
    reach = 1.96 * values.std(ddof=1) / 20
    assert low == pytest.approx(values.mean() - reach, abs=0.01)
    assert high == pytest.approx(values.mean() + reach, abs=0.01)


def test_bootstrap_interval_is_reproducible_and_lies_within_the_values():
    assert bootstrap_interval(FIVE) == bootstrap_interval(FIVE)
    low, high = bootstrap_interval(FIVE)
    assert min(FIVE) <= low < np.mean(FIVE) < high <= max(FIVE)


def test_win_probability_counts_ties_half():
    assert win_probability([0.1, -0.1, 0.0, 0.2]) == pytest.approx(2.5 / 4)


def test_wilcoxon_of_five_wins_is_the_smallest_five_seeds_allow():
    assert wilcoxon_p([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx(2 / 2**5)
    assert wilcoxon_p(FIVE) == pytest.approx(stats.wilcoxon(FIVE, method="exact").pvalue)


def test_wilcoxon_without_any_difference_is_one():
    assert wilcoxon_p([0.0, 0.0, 0.0]) == 1.0


@pytest.mark.parametrize("n", [2, 5, 8, 12, 20])
def test_wilcoxon_without_ties_is_scipys(n):
    differences = np.random.default_rng(n).normal(0.3, 1, n)
    assert wilcoxon_p(differences) == pytest.approx(stats.wilcoxon(differences, method="exact").pvalue)


def test_wilcoxon_with_ties_is_the_permutation_test():
    differences = np.array([0.01, 0.01, -0.01, 0.02, 0.02, 0.0])
    kept = differences[differences != 0]
    exact = stats.wilcoxon(kept, method=stats.PermutationMethod(n_resamples=10**6))
    assert wilcoxon_p(differences) == pytest.approx(exact.pvalue)


def test_holm_on_a_worked_example():
    # sorted 0.01, 0.02, 0.03, 0.04 times 4, 3, 2, 1; then the running maximum
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_the_p_values_and_bonferroni(p_values):
    for p, adjusted in zip(p_values, holm(p_values), strict=True):
        assert p <= adjusted <= min(1, len(p_values) * p) + 1e-12


def test_sampling_error_of_hits_is_the_binomial_one():
    hits = np.array([1.0] * 80 + [0.0] * 20)
    assert sampling_error(hits) == pytest.approx(math.sqrt(0.8 * 0.2 / 99))


class TestEquivalentLabels:
    budgets, curve = [10, 100, 1000], [0.5, 0.7, 0.9]

    def test_on_a_budget(self):
        assert equivalent_labels(0.7, self.budgets, self.curve) == pytest.approx(100)

    def test_halfway_between_budgets_is_their_geometric_mean(self):
        assert equivalent_labels(0.6, self.budgets, self.curve) == pytest.approx(math.sqrt(10 * 100))

    def test_beyond_the_curve_at_either_end(self):
        assert equivalent_labels(0.95, self.budgets, self.curve) == math.inf
        assert equivalent_labels(0.4, self.budgets, self.curve) == 0.0

    def test_a_dip_is_levelled(self):
        assert equivalent_labels(0.8, self.budgets, [0.8, 0.7, 0.9]) == pytest.approx(10)

    @given(st.floats(0.5, 0.9), st.floats(0.5, 0.9))
    def test_more_accuracy_never_needs_fewer_labels(self, one, other):
        low, high = sorted((one, other))
        assert equivalent_labels(low, self.budgets, self.curve) <= equivalent_labels(high, self.budgets, self.curve)


ONE_AND_ONE = [0.0, 0.0, 1.0, 2.0, 2.0]
"""Five differences of mean 1 and standard deviation 1."""


def test_the_next_draw_falls_inside_its_interval_19_times_in_20():
    low, high = next_draw_interval(ONE_AND_ONE)
    assert (low, high) == pytest.approx((1 - 2.776445 * math.sqrt(1.2), 1 + 2.776445 * math.sqrt(1.2)), abs=1e-5)
    draws = np.random.default_rng(4).normal(0.7, 0.02, (2000, 6))
    inside = [low <= row[5] <= high for row in draws for low, high in [next_draw_interval(row[:5])]]
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)
