"""What a code space looks like: arrays in, arrays and numbers out. Knows nothing of where models come from."""

from fewlabels.analysis.principal import PcaAlignment, align_with_covariance, align_with_pca, describe_alignment

__all__ = ["PcaAlignment", "align_with_covariance", "align_with_pca", "describe_alignment"]
