"""Pretraining and classifying with few labels as scikit-learn estimators."""

from fewlabels.estimators.classifier import AutoencoderTransformer, PretrainedClassifier

__all__ = ["AutoencoderTransformer", "PretrainedClassifier"]
