"""Pretraining and classifying with few labels as scikit-learn estimators."""

from fewlabels.estimators.classifier import PretrainedClassifier
from fewlabels.estimators.transformer import AutoencoderTransformer

__all__ = ["AutoencoderTransformer", "PretrainedClassifier"]
