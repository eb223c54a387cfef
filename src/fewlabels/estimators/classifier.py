"""A pretrained classifier as a scikit-learn estimator."""

from __future__ import annotations

import copy
import os
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils import Tags, check_consistent_length
from sklearn.utils.validation import check_is_fitted

from fewlabels.core.errors import InputError
from fewlabels.data import UNLABELLED, Dataset
from fewlabels.estimators.base import AUTO, ONE_AT_A_TIME, as_precise, draw_seed, pretrained
from fewlabels.estimators.inputs import class_names, classes_of, fit_inputs, inputs_of, labels_of, spread
from fewlabels.estimators.transformer import AutoencoderTransformer
from fewlabels.models import EncoderModel, load_encoder, save_model
from fewlabels.pipelines.finetune import check_transfer, finetune
from fewlabels.training import choose_device

_UNFITTED = (
    "encoder is an %(name)s that is not fitted; fit it first, or, in a grid, which clones fitted transformers to "
    "unfitted ones, give transformer.encoder_"
)


class PretrainedClassifier(ClassifierMixin, BaseEstimator):
    """Pretrain an encoder on all of X, then classify with the labels there are.

    X may have the forms that `AutoencoderTransformer` takes. Settings of the transfer are chosen by validation inside
    the labels.

    Parameters
    ----------
    objective, network
        As `AutoencoderTransformer` has them.
    transfer
        'finetune' trains encoder and linear head together on the labels; 'student' likewise, taught by the graph of the
        codes of all of X; 'graph' spreads the labels over that graph; 'mlp' trains a hidden layer on the frozen codes;
        'probe' a linear head on them. 'best' keeps the best of several, each validated inside the labels, and takes as
        long as all of them.
    encoder
        A pretrained one, and then nothing is pretrained: an `EncoderModel`, the path of its folder, or a fitted
        `AutoencoderTransformer`. `clone` keeps it as it is, and its own settings are none of the classifier's. A grid
        over encoders clones its values: give it folders, or `transformer.encoder_`.
    unlabelled
        The label that means there is none. Missing labels, which are None, NaN and "", always mean it; with
        unlabelled=None only they do, and -1 is a class like any other.
    latent_dim, steps, batch_size, lr, image_shape, flips
        As `AutoencoderTransformer` has them; `flips` holds where labels train the network, too, and None there does as
        was done in pretraining.
    random_state
        Of pretraining, folds, initial weights and order.
    device, verbose
        As `AutoencoderTransformer` has them.

    Attributes
    ----------
    classes_ : ndarray
        [K] the labels found, sorted.
    model_ : ClassifierModel
        What predicts, and can be saved.
    encoder_ : EncoderModel
        What it was made of.
    n_features_in_ : int
        The numbers of an example.
    feature_names_in_ : ndarray
        Where X was a frame whose columns are texts.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from fewlabels import PretrainedClassifier
    >>> x, y = load_digits(return_X_y=True)  # [1797, 64]
    >>> y_few = np.where(np.arange(len(y)) < 50, y, -1)  # fifty labels
    >>> classifier = PretrainedClassifier(transfer="probe", steps=20, random_state=0).fit(x, y_few)
    >>> classifier.predict_proba(x[50:52]).shape
    (2, 10)
    """

    flips: bool | None = None  # of those pickled before there was such a setting
    verbose: int = 0  # likewise

    def __init__(
        self,
        objective: Any = AUTO,
        network: Any = "default",
        transfer: str = "finetune",
        *,
        encoder: EncoderModel | AutoencoderTransformer | str | os.PathLike[str] | None = None,
        unlabelled: Any = UNLABELLED,
        latent_dim: int | None = None,
        steps: int | None = None,
        batch_size: int | None = None,
        lr: float | None = None,
        image_shape: tuple[int, ...] | None = None,
        flips: bool | None = None,
        random_state: Any = None,
        device: str = "auto",
        verbose: int = 0,
    ) -> None:
        self.objective = objective
        self.network = network
        self.transfer = transfer
        self.encoder = encoder
        self.unlabelled = unlabelled
        self.latent_dim = latent_dim
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.image_shape = image_shape
        self.flips = flips
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> PretrainedClassifier:
        """Fit on X, labelled and unlabelled, and on y [n], numbers or texts. Raises ValueError (InputError is one) for
        what cannot be done, before any training, and TrainingDiverged.
        """
        check_transfer(self.transfer)
        x, layout = fit_inputs(self, X)
        labelled, labels = labels_of(y, self.unlabelled)
        check_consistent_length(x, labelled)
        classes, indices = classes_of(labels)
        dataset = Dataset("X", x, spread(labelled, indices), class_names(classes))
        seed, encoder = draw_seed(self.random_state), _given(self.encoder)
        if encoder is not None:
            encoder.signature.require_equal(dataset.signature, "X")
        with ONE_AT_A_TIME:
            encoder = encoder or pretrained(self, dataset, seed)[0]
            self.model_ = finetune(encoder, dataset, self.transfer, seed, choose_device(self.device), flips=self.flips)
        self.encoder_, self.classes_, self._layout = encoder, classes, layout
        return self

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Log-probabilities [n, K] float64, in the order of `classes_`, calibrated by the temperature."""
        x = inputs_of(self, X)
        return as_precise(self.model_, x).log_proba(x)

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probabilities [n, K] float64, in the order of `classes_`, calibrated by the temperature."""
        proba: np.ndarray = np.exp(self.predict_log_proba(X))
        return proba

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each example, [n]."""
        best = self.predict_proba(X).argmax(axis=1)
        names: np.ndarray = self.classes_[best]
        return names

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Accuracy on those examples that have a label in y. Raises InputError where none has."""
        labelled, labels = labels_of(y, self.unlabelled)
        if not len(labels):
            raise InputError("y holds no label at all; accuracy needs labelled examples")
        weight = None if sample_weight is None else np.asarray(sample_weight)[labelled]
        return float(accuracy_score(labels, self.predict(X)[labelled], sample_weight=weight))

    @property
    def temperature_(self) -> float:
        """By which the logits are divided, so that the probabilities are calibrated."""
        return self.model_.temperature

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Save the classifier as a folder that `fewlabels predict` takes. Raises InputError."""
        check_is_fitted(self)
        save_model(self.model_, folder, overwrite)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The settings, the encoder among them as a whole: it is pretrained already, so its own are past changing."""
        return dict(super().get_params(deep=False))

    def set_params(self, **params: Any) -> PretrainedClassifier:
        """Change settings. Raises InputError for one of the encoder's, and ValueError for what is none."""
        for name in params:
            if name.startswith("encoder__"):
                raise InputError(
                    f"{name} cannot be set: the encoder is pretrained already; give another encoder, or none and "
                    f"{name.removeprefix('encoder__')} of the classifier"
                )
        super().set_params(**params)
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return "model_" in vars(self)

    def __sklearn_clone__(self) -> PretrainedClassifier:
        bare = copy.copy(self)
        bare.encoder = None
        fresh: PretrainedClassifier = super(PretrainedClassifier, bare).__sklearn_clone__()
        fresh.encoder = self.encoder  # cloned, a fitted transformer would be fitted no more
        return fresh

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags


def _given(encoder: EncoderModel | AutoencoderTransformer | str | os.PathLike[str] | None) -> EncoderModel | None:
    if isinstance(encoder, AutoencoderTransformer):
        check_is_fitted(encoder, msg=_UNFITTED)
        return encoder.encoder_
    if encoder is None or isinstance(encoder, EncoderModel):
        return encoder
    if not isinstance(encoder, str | os.PathLike):
        raise InputError(
            f"encoder is {encoder!r}; allowed are an EncoderModel, a fitted AutoencoderTransformer and the path of an "
            "encoder's folder"
        )
    return load_encoder(encoder)
