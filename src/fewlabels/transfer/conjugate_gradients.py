"""Preconditioned conjugate gradients for many right-hand sides, on the normalised weights of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from fewlabels.core.errors import FewlabelsError

if TYPE_CHECKING:
    from scipy.sparse import csc_matrix, csr_matrix

TOLERANCE = 1e-4
"""On the residual, as a share of the right-hand side: by label spreading over 50,000 images it left 2 in 10,000 with
another class than a residual of 1e-6 does (alpha 0.99; 0.9: 16 in 10,000)."""

ROUGH = 1e-3
"""Enough for Poisson learning: of 60,000 digits 1 in 1,000 had another class than with 1e-5."""

MOST_STEPS = 1000

ROUNDING = 1e-5
"""Of the eigenvalues of V' A V, whose largest is at most 2: smaller ones are zeros, as rounded in float32."""

LANES = 64
"""Rows whose sums are taken side by side, in whole registers for any number of columns."""

COLUMNS = 2**20
"""Numbers of the right-hand sides that are solved side by side: a few megabytes, which a processor keeps close."""


@dataclass(frozen=True, eq=False)
class Operator:
    """A = I - alpha S on N nodes, and what brings it near to the identity.

    The preconditioner has two levels (Nicolaides 1987, Deflation of conjugate gradients; its additive form):
    ``M r = r + V (V' A V)^+ V' r``, V [N, C] having a column a cell of nodes, and there the vector that S keeps. Alone,
    A has as many small eigenvalues as the graph has loosely connected parts.

    Attributes
    ----------
    similarity
        S, [N, N] CSR, symmetric, with eigenvalues from -1 to 1, that of 1 belonging to `kept` on each component.
    alpha
        From 0 to 1.
    cells
        V, [N, C] CSR; None: M is the identity.
    coarse
        The pseudoinverse of V' A V, [C, C] float64.
    """

    similarity: csr_matrix
    alpha: float
    cells: csr_matrix | None
    coarse: np.ndarray | None

    def precondition(self, r: Tensor) -> Tensor:
        """M r, for r [N, B]."""
        if self.cells is None:
            return r
        down = self.cells.T @ r.numpy()  # [C, B]
        up = (self.coarse @ down.astype(np.float64)).astype(down.dtype)
        return torch.from_numpy(self.cells @ up).add_(r)


def operator(similarity: csr_matrix, kept: np.ndarray, cell: np.ndarray, alpha: float) -> Operator:
    """A of the precision of S. kept: [N]; cell: [N] int64, each node's; where all have the same, there are none."""
    from scipy.sparse import csr_matrix  # takes longer to import than predictions may

    count = int(cell.max()) + 1
    if count == 1:
        return Operator(similarity, alpha, None, None)
    length = np.sqrt(np.bincount(cell, weights=kept.astype(np.float64) ** 2))
    cells = csr_matrix((kept / length[cell], cell, np.arange(len(cell) + 1)), (len(cell), count))
    inner = np.eye(count) - alpha * (cells.T @ (similarity.astype(np.float64) @ cells)).toarray()
    coarse = np.linalg.pinv(inner, rcond=ROUNDING, hermitian=True)
    return Operator(similarity, alpha, cells.astype(similarity.dtype), coarse)


def solve(a: Operator, b: csc_matrix, tolerance: float = TOLERANCE) -> np.ndarray:
    """x [N, B] of the precision of S such that |b - A x| <= tolerance |b| in every column, each as if it were alone.

    b: [N, B] CSC. |r| is the root of r' M r. With alpha 1, no column may have a part along `kept` on any component, and
    x has an arbitrary one.

    Raises
    ------
    FewlabelsError
        Where that is not reached.
    """
    n, columns = b.shape
    x, most = np.empty((n, columns), dtype=a.similarity.dtype), max(16, COLUMNS // n // 16 * 16)
    for start in range(0, columns, most):
        part = slice(start, start + most)
        x[:, part] = _solve(a, torch.from_numpy(b[:, part].toarray(order="C").astype(x.dtype)), tolerance)
    return x


def _solve(a: Operator, r: Tensor, tolerance: float) -> np.ndarray:
    """r: [N, B], the right-hand sides; overwritten."""
    x, z, room = torch.zeros_like(r), a.precondition(r), torch.empty_like(r)
    p, rz = z.clone(), _inner(r, z, room)
    tiny, close = torch.finfo(r.dtype).tiny, tolerance**2 * rz
    for _ in range(MOST_STEPS):
        open_ = rz > close  # a column that is done stays as it is, whatever others need
        if not open_.any():
            return x.numpy()
        q = torch.from_numpy(a.similarity @ p.numpy()).mul_(-a.alpha).add_(p)
        curvature = _inner(p, q, room)
        step = torch.where(open_ & (curvature > 0), rz / curvature, 0).to(r.dtype)
        x.add_(torch.mul(p, step, out=room))
        r.sub_(q.mul_(step))
        z = a.precondition(r)
        rz, last = _inner(r, z, room), rz
        p.mul_((rz / last.clamp_min(tiny)).to(r.dtype)).add_(z)
    raise FewlabelsError(
        f"graph: {MOST_STEPS} steps of conjugate gradients did not reach a residual of {tolerance:g}; check the "
        "features for values that are far out"
    )


def _inner(a: Tensor, b: Tensor, room: Tensor) -> Tensor:
    """The inner product of each column, [B] float64, summed in an order that does not depend on how many there are.

    a, b: [N, B]; room: the same, overwritten.
    """
    torch.mul(a, b, out=room)
    whole = len(room) // LANES * LANES
    lanes = room[:whole].view(-1, LANES * room.shape[1]).sum(dim=0).view(LANES, -1)
    return lanes.sum(dim=0, dtype=torch.float64) + room[whole:].sum(dim=0, dtype=torch.float64)
