"""An autoencoder as a scikit-learn transformer."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array
from sklearn.utils.validation import check_is_fitted

from fewlabels.core.errors import InputError
from fewlabels.data import UNLABELLED, Dataset
from fewlabels.estimators.base import AUTO, ONE_AT_A_TIME, as_precise, draw_seed, pretrained
from fewlabels.estimators.inputs import KEPT, fit_inputs, inputs_of
from fewlabels.models import save_model


class AutoencoderTransformer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Pretrain an autoencoder; its codes are the features.

    X of `fit` is [n, D]: vectors, or with `image_shape` images; or [n, H, W], [n, H, W, C] or [n, C, H, W]: images,
    channels last unless the first of the three sizes is 1 or 3. uint8 images are scaled to 0..1 and stay uint8
    meanwhile. All else is used as float32, each column of vectors or channel of images centred and scaled to unit
    deviation.

    Parameters
    ----------
    objective
        A way of pretraining, `objective[/network][/schedule]`, such as 'denoising' or 'sparse/tied', or an `Objective`
        with settings of its own. 'auto': 'contrastive' for images of more than 16 pixels a side, unless `latent_dim`
        says how many codes there are to be, else 'denoising'. A contrastive encoder has no decoder, and so no
        `inverse_transform`.
    network
        'default', chosen from the shape of an example; a name of `fewlabels.networks.VARIANTS`; or a spec.
    latent_dim
        How many codes; None: as many as the network has. Refused for networks whose channels say so, such as 'pooled'.
    steps, batch_size, lr
        Of the training; None: by the number of examples and the network, 500 to 2,000 steps. It ends early where
        validation on a tenth of X does not improve; the best weights are kept.
    image_shape
        (height, width) or (height, width, channels), where the rows of X are images.
    flips
        Whether views of images may exchange left and right; None: those of colour images may. Refused for vectors.
    random_state
        Of initial weights, order and noise.
    device
        Of the training: 'auto' (cuda where there is one, else mps, else cpu), 'cpu', 'cuda', 'mps'. What is fitted
        computes on the processor, in float64 where X is float64, else in float32.
    verbose
        0 is silent; 1 tells on stderr how far pretraining is.

    Attributes
    ----------
    encoder_ : EncoderModel
        What was pretrained.
    loss_curve_ : ndarray
        The loss at every step.
    n_steps_ : int
        How many those were.
    n_features_in_ : int
        The numbers of an example.
    feature_names_in_ : ndarray
        Where X was a frame whose columns are texts.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from fewlabels import AutoencoderTransformer
    >>> x, _ = load_digits(return_X_y=True)  # [1797, 64]
    >>> codes = AutoencoderTransformer(latent_dim=16, steps=20, random_state=0).fit_transform(x)
    >>> codes.shape
    (1797, 16)
    """

    flips: bool | None = None  # of those pickled before there was such a setting
    verbose: int = 0  # likewise

    def __init__(
        self,
        objective: Any = AUTO,
        network: Any = "default",
        *,
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
        self.latent_dim = latent_dim
        self.steps = steps
        self.batch_size = batch_size
        self.lr = lr
        self.image_shape = image_shape
        self.flips = flips
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> AutoencoderTransformer:
        """Pretrain on X; y is not looked at. Raises ValueError (InputError is one) for what cannot be done, before any
        training, and TrainingDiverged.
        """
        x, layout = fit_inputs(self, X)
        unlabelled = Dataset("X", x, np.full(len(x), UNLABELLED, dtype=np.int64), ())
        with ONE_AT_A_TIME:
            self.encoder_, history = pretrained(self, unlabelled, draw_seed(self.random_state))
        self._layout = layout
        self.loss_curve_ = np.array(history.loss)
        self.n_steps_ = len(history.loss)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """The codes [n, latent_dim] of X, of the type of X where that is a float, else float32."""
        x = inputs_of(self, X)
        return as_precise(self.encoder_, x).embed(x)

    def inverse_transform(self, X: Any) -> np.ndarray:
        """What the decoder makes of codes [n, latent_dim]: examples, floats of the shape and scale that X of `fit` had.
        After 'gan', whose decoder makes images of noise, they are no copies. Raises InputError where no decoder was
        trained, as by 'contrastive'.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=KEPT[:2])
        if codes.shape[1] != self.encoder_.latent_dim:
            raise InputError(f"X has {codes.shape[1]} codes; the encoder makes {self.encoder_.latent_dim}: give those")
        return self._layout.back(as_precise(self.encoder_, codes).decode(codes))

    def save(self, folder: str | os.PathLike[str], overwrite: bool = False) -> None:
        """Save the encoder as a folder that `fewlabels finetune` and `PretrainedClassifier` take. Raises InputError."""
        check_is_fitted(self)
        save_model(self.encoder_, folder, overwrite)

    @property
    def _n_features_out(self) -> int:
        return self.encoder_.latent_dim

    def __sklearn_is_fitted__(self) -> bool:
        return "encoder_" in vars(self)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
