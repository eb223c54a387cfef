"""Labels spread over a graph: by hand, against dense solutions, and where a graph falls apart."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from sklearn.neighbors import NearestNeighbors

from fewlabels.transfer import conjugate_gradients, spreading
from fewlabels.transfer.conjugate_gradients import operator, solve
from fewlabels.transfer.graph import Graph, Labelled, neighbour_graph, poisson, spread
from fewlabels.transfer.neighbours import nearest
from fewlabels.transfer.nodes import others
from fewlabels.transfer.spreading import ABSENT, node_logits


def graph_of(weights, cell=None):
    weights = sp.csr_matrix(np.asarray(weights, dtype=np.float64))
    component = sp.csgraph.connected_components(weights)[1].astype(np.int64)
    return Graph(weights, component, np.zeros(weights.shape[0], dtype=np.int64) if cell is None else cell)


def at(nodes, y):
    return Labelled(np.array(nodes), np.array(y), np.ones(len(nodes)))


def path(n):
    return np.eye(n, k=1) + np.eye(n, k=-1)


def random_graph(seed, n=60, k=6, cell=None):
    points = torch.from_numpy(np.random.default_rng(seed).normal(size=(n, 3)))
    return neighbour_graph(others(points, k), cell)


TASKS = [
    at([3, 9, 20], [0, 1, 2]),
    at([3, 9, 20, 30, 40], [0, 1, 2, 1, 1]),
    at([50, 51], [2, 0]),
    Labelled(np.array([3, 9, 20, 9, 40]), np.array([0, 1, 2, 2, 1]), np.array([1.0, 0.6, 1.0, 0.4, 0.5])),
]


def dense_poisson(graph, task, classes):
    weights, degree = graph.weights.toarray(), graph.degree
    source = np.zeros((len(degree), classes))
    mean = np.average(np.eye(classes)[task.y], axis=0, weights=task.share)
    np.add.at(source, task.nodes, task.share[:, None] * (np.eye(classes)[task.y] - mean))
    found = np.linalg.pinv(np.diag(degree) - weights, hermitian=True) @ source
    return found - degree @ found / degree.sum()


def dense_spread(graph, task, classes, alpha):
    root = np.sqrt(graph.degree)
    labels = np.zeros((len(root), classes))
    np.add.at(labels, (task.nodes, task.y), task.share)
    similarity = graph.weights.toarray() / root / root[:, None]
    return (1 - alpha) * np.linalg.inv(np.eye(len(root)) - alpha * similarity) @ labels


def test_the_potentials_of_a_path_of_three_nodes():
    # u0 - u1 = 1/2, u1 - u2 = 1/2, and u0 + 2 u1 + u2 = 0: so 1/2, 0, -1/2
    (found,) = poisson(graph_of(path(3)), [at([0, 2], [0, 1])], 2, 1e-12)
    np.testing.assert_allclose(found, [[0.5, -0.5], [0, 0], [-0.5, 0.5]], atol=1e-10)


def test_spreading_over_a_single_edge():
    # F = (1 - a) (I - a S)^-1 Y with S = [[0, 1], [1, 0]]: (1 - a) / (1 - a^2) (1, a)
    (found,) = spread(graph_of(path(2)), [at([0], [1])], 2, 0.5, 1e-12)
    np.testing.assert_allclose(found, [[0, 2 / 3], [0, 1 / 3]], atol=1e-10)


@pytest.mark.parametrize("cells", [1, 7])
def test_equals_a_dense_solve(cells):
    graph = random_graph(0, cell=np.arange(60) * cells // 60)
    assert graph.component.max() == 0
    for task, found in zip(TASKS, poisson(graph, TASKS, 3, 1e-10), strict=True):
        np.testing.assert_allclose(found, dense_poisson(graph, task, 3), atol=1e-6)
    for task, found in zip(TASKS, spread(graph, TASKS, 3, 0.9, 1e-10), strict=True):
        np.testing.assert_allclose(found, dense_spread(graph, task, 3, 0.9), atol=1e-6)
    assert abs(dense_poisson(graph, TASKS[0], 3)).max() > 0.1


@pytest.mark.parametrize("cells", [1, 7])
def test_a_task_ends_the_same_to_the_bit_whatever_is_solved_along(cells):
    points = torch.from_numpy(np.random.default_rng(1).normal(size=(300, 3)).astype(np.float32))
    graph = neighbour_graph(others(points, 6), np.arange(300) * cells // 300)
    ways = [poisson, partial(spread, alpha=0.99), partial(spread, alpha=0.9)]
    for way in ways:
        together = way(graph, TASKS, 3)
        assert together.dtype == np.float32
        for task, found in zip(TASKS, together, strict=True):
            np.testing.assert_array_equal(found, way(graph, [task], 3)[0])


def test_cells_take_fewer_steps_to_the_same_solution(monkeypatch):
    n = 400
    ring = sp.csr_matrix((path(n) + np.eye(n, k=n - 1) + np.eye(n, k=1 - n)) / 2)
    b = sp.csc_matrix(([1.0, -0.3, -0.7], ([0, 130, 210], [0, 0, 0])), (n, 1))
    monkeypatch.setattr(conjugate_gradients, "MOST_STEPS", 80)
    with pytest.raises(Exception, match="80 steps of conjugate gradients did not reach a residual of 1e-08"):
        solve(operator(ring, np.ones(n), np.zeros(n, dtype=np.int64), 1.0), b, 1e-8)
    found = solve(operator(ring, np.ones(n), np.arange(n) // 10, 1.0), b, 1e-8)[:, 0]
    expected = np.linalg.pinv(np.eye(n) - ring.toarray(), hermitian=True) @ b.toarray()[:, 0]
    np.testing.assert_allclose(found - found.mean(), expected, atol=1e-5 * abs(expected).max())


@pytest.mark.parametrize("n", [7, 50, 3000])
def test_neighbours_are_those_of_scikit_learn(n):
    rng = np.random.default_rng(n)
    nodes, queries = (rng.normal(size=(size, 5)).astype(np.float32) for size in (n, 40))
    found = nearest(torch.from_numpy(queries), torch.from_numpy(nodes), 6)
    distances, index = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(nodes).kneighbors(queries)
    np.testing.assert_array_equal(found.numbers, index)
    np.testing.assert_allclose(found.squared.sqrt(), distances, rtol=1e-5)


def test_a_node_is_no_neighbour_of_itself_even_among_its_doubles():
    points = torch.tensor([[0.0], [1.0], [1.0], [1.0], [1.0], [3.0]])
    found = others(points, 2)
    assert all(node not in own for node, own in enumerate(found.numbers.tolist()))
    weights = neighbour_graph(found).weights.toarray()
    assert np.isfinite(weights).all()
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(np.diag(weights), 0)


def blocks(*sizes):
    """Cliques that nothing connects."""
    weights = np.zeros((sum(sizes), sum(sizes)))
    for end, size in zip(np.cumsum(sizes), sizes, strict=True):
        weights[end - size : end, end - size : end] = 1 - np.eye(size)
    return graph_of(weights)


@pytest.mark.parametrize("alpha", [1.0, 0.9])
def test_components_without_a_label_and_classes_without_one_in_some(alpha):
    graph = blocks(6, 5, 4, 3)
    # classes 0 and 1 in the first component, twice 1 in the second, 0 in the third, none in the last; 2 nowhere
    task = at([0, 1, 6, 7, 11], [0, 1, 1, 1, 0])
    (logits,) = node_logits(graph, [task], 3, alpha, "labels")
    assert np.isfinite(logits).all()
    named = logits.argmax(axis=1)
    assert (named[0], named[1]) == (0, 1)
    assert set(named[6:11]) == {1}
    assert set(named[11:15]) == {0}
    assert set(named[15:]) == {1}  # by the shares of the labels
    assert (logits[:, 2] <= ABSENT / 2).all()
    odds = logits[:, 1] - logits[:, 0]
    if alpha == 1:  # Laplace: 3 to 1 after two of a kind, where 4 / 6 to 3 / 6 are believed of all
        np.testing.assert_allclose(odds[6:11] - odds[15], np.log(3) - np.log(4 / 3), atol=1e-5)


@pytest.mark.parametrize("alpha", [1.0, 0.99, 0.9])
def test_nothing_leaks_into_a_component_without_labels(alpha):
    rng = np.random.default_rng(0)
    points = torch.from_numpy(np.concatenate([rng.normal(size=(600, 3)), 50 + rng.normal(size=(30, 3))]))
    graph = neighbour_graph(others(points, 6), np.arange(630) % 9)  # cells that span both parts
    (logits,) = node_logits(graph, [at([0, 1, 2, 3], [0, 1, 2, 0])], 3, alpha, "labels")
    np.testing.assert_allclose(logits[600:], logits[[600]].repeat(30, axis=0), atol=1e-6)
    assert np.ptp(logits[:600], axis=0).min() > 1


def test_a_single_class_is_always_named():
    (logits,) = node_logits(blocks(4, 3), [at([0], [1])], 2, 1.0, "labels")
    assert set(logits.argmax(axis=1)) == {1}


@pytest.mark.parametrize("alpha", [1.0, 0.99, 0.9])
def test_the_shares_of_classes_are_aligned_halfway_to_what_is_believed(alpha, monkeypatch):
    monkeypatch.setattr(spreading, "FARTHEST", 9.0)
    graph, task = random_graph(2), at(range(8), [0] * 6 + [1] * 2)

    def shares(logits):
        odds = np.exp(logits.astype(np.float64))
        return (odds / odds.sum(axis=1, keepdims=True)).mean(axis=0)

    found = {priors: shares(node_logits(graph, [task], 2, alpha, priors)[0]) for priors in ("labels", "uniform")}
    odds = {priors: share[0] / share[1] for priors, share in found.items()}
    # sqrt(v_0 / v_1 * 7 / 3) and sqrt(v_0 / v_1): their ratio does not depend on v
    np.testing.assert_allclose(odds["labels"] / odds["uniform"], np.sqrt(7 / 3), rtol=0.05)


@pytest.mark.parametrize("alpha", [1.0, 0.99, 0.9])
def test_a_class_with_many_labels_does_not_swallow_the_others(alpha):
    """Two clumps of equal size, one labelled thirty times as often, and a bridge between them."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(400, 2)) + np.repeat([[0, 0], [5, 0]], 200, axis=0)
    graph = neighbour_graph(others(torch.from_numpy(points), 10))
    assert graph.component.max() == 0
    task = at([*range(60), 200, 201], [0] * 60 + [1] * 2)
    (logits,) = node_logits(graph, [task], 2, alpha, "labels")
    assert (logits.argmax(axis=1) == np.repeat([0, 1], 200)).mean() > 0.9
