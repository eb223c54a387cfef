"""What a code space looks like: arrays in, numbers out. Knows nothing of models, and never imports torch."""

from fewlabels.analysis.pca import PcaAlignment, align_with_covariance, align_with_pca, describe_alignment
from fewlabels.analysis.spread import (
    alignment,
    collapse,
    dead_share,
    describe_spread,
    effective_rank,
    uniformity,
)

__all__ = [
    "PcaAlignment",
    "align_with_covariance",
    "align_with_pca",
    "alignment",
    "collapse",
    "dead_share",
    "describe_alignment",
    "describe_spread",
    "effective_rank",
    "uniformity",
]
