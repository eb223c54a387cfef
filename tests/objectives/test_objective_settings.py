"""Settings of every objective: through JSON and back, and refused where they are out of range."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import Any, Literal, get_origin, get_type_hints

import pytest
from objective_cases import every_objective

from fewlabels.core.errors import InputError
from fewlabels.core.settings import from_json, to_json
from fewlabels.objectives import (
    OBJECTIVES,
    VIEWS,
    AdversarialAutoencoder,
    Contractive,
    Denoising,
    GaussianNoise,
    GenerativeAdversarial,
    Masked,
    MaskingNoise,
    RandomGaussianNoise,
    SaltAndPepperNoise,
    SparseActivations,
    SparseTarget,
    SparseWeights,
    Variational,
    kinds,
)

ALLOWED = {
    # (class, setting): (what is allowed, in the words of the error; settings that are not; settings that are)
    (SparseActivations, "penalty"): ("0 or more", [-0.1], [0.0]),
    (SparseWeights, "penalty"): ("0 or more", [-1], [0.0]),
    (SparseTarget, "penalty"): ("0 or more", [-1e-9], [0.0]),
    (SparseTarget, "target"): ("above 0, below 1", [0.0, 1.0, -0.5, 2.0], [1e-6, 0.999]),
    (GaussianNoise, "std"): ("0 or more", [-1], [0.0]),
    (GaussianNoise, "mean"): ("a finite number", [float("inf")], [-3.0]),
    (RandomGaussianNoise, "mean_std"): ("0 or more", [-1], [0.0]),
    (RandomGaussianNoise, "std_mean"): ("0 or more", [-1], [0.0]),
    (RandomGaussianNoise, "std_std"): ("0 or more", [-1], [0.0]),
    (MaskingNoise, "share"): ("0 to 1", [1.01, -0.01], [0.0, 1.0]),
    (SaltAndPepperNoise, "share"): ("0 to 1", [2, -0.1], [0.0, 1.0]),
    (SaltAndPepperNoise, "low"): ("a finite number", [-float("inf")], [-3.0]),
    (SaltAndPepperNoise, "high"): ("a finite number", [float("inf")], [3.0]),
    (Masked, "ratio"): ("above 0, below 1", [0.0, 1.0, -0.5, 75], [0.001, 0.999]),
    (Masked, "patch"): ("1 or more", [0, -4], [1]),
    (Masked, "target"): ("'hidden' or 'all'", ["visible", None], ["hidden", "all"]),
    (Contractive, "penalty"): ("0 or more", [-1e-3], [0.0]),
    (Variational, "likelihood"): ("'gaussian' or 'bernoulli'", ["laplace", ""], ["gaussian", "bernoulli"]),
    (Variational, "weight"): ("0 or more", [-1], [0.0]),
    (Variational, "unit"): ("'lambda' or 'beta'", ["nats"], ["lambda", "beta"]),
    (Variational, "warm_up"): ("0 to 1", [-0.1, 1.1, 100], [0.0, 1.0]),
    (AdversarialAutoencoder, "weight"): ("0 or more", [-1], [0.0]),
    (AdversarialAutoencoder, "hidden"): ("1 or more", [0, -1], [1]),
    (GenerativeAdversarial, "losses"): (
        "'non-saturating' or 'hinge'",
        ["wasserstein", "saturating"],
        ["non-saturating", "hinge"],
    ),
}


def impossible() -> list[Any]:
    """One value for every setting of every class that no setting of its type may have."""
    cases = []
    for name, kind in kinds().items():
        for setting, wanted in get_type_hints(kind).items():
            by_type: dict[Any, Any] = {float: float("nan"), int: -1}
            value = "nonsense" if get_origin(wanted) is Literal else by_type.get(wanted)
            if value is not None and setting in {field.name for field in fields(kind)}:
                cases.append(pytest.param(kind, setting, value, id=f"{name}-{setting}"))
    return cases


@pytest.mark.parametrize(("kind", "setting", "value"), impossible())
def test_no_setting_takes_whatever_it_is_given(kind, setting, value):
    with pytest.raises(InputError, match=rf"^{kind.__name__}: {setting} is {value!r}; allowed is ."):
        kind(**{setting: value})


@pytest.mark.parametrize(("kind", "setting"), ALLOWED, ids=[f"{kind.__name__}-{name}" for kind, name in ALLOWED])
def test_settings_out_of_range_are_refused_in_words_that_give_the_range(kind, setting):
    allowed, refused, accepted = ALLOWED[kind, setting]
    for value in refused:
        with pytest.raises(InputError) as caught:
            kind(**{setting: value})
        assert str(caught.value) == f"{kind.__name__}: {setting} is {value!r}; allowed is {allowed}"
    for value in accepted:
        assert getattr(kind(**{setting: value}), setting) == value


@every_objective
def test_json_there_and_back(name):
    objective = OBJECTIVES[name]
    back = from_json(json.loads(json.dumps(to_json(objective))), kinds())
    assert back == objective
    assert hash(back) == hash(objective)


def test_the_table_holds_different_objectives_and_every_kind():
    assert len(set(OBJECTIVES.values())) == len(OBJECTIVES)
    used = {type(objective) for objective in OBJECTIVES.values()}
    parts = {type(getattr(objective, f.name)) for objective in OBJECTIVES.values() for f in fields(objective)}
    assert used | {part for part in parts if is_dataclass(part)} | set(VIEWS.values()) == set(kinds().values())


def test_settings_travel_through_json():
    objective = Denoising(SaltAndPepperNoise(share=0.25, low=-1.0, high=2.0))
    assert to_json(objective) == {
        "kind": "Denoising",
        "corruption": {"kind": "SaltAndPepperNoise", "share": 0.25, "low": -1.0, "high": 2.0},
    }
    assert from_json(to_json(objective), kinds()) == objective
    with pytest.raises(InputError, match="unknown kind 'Smear' in settings; allowed are AdversarialAutoencoder, "):
        from_json({"kind": "Denoising", "corruption": {"kind": "Smear"}}, kinds())
    with pytest.raises(FrozenInstanceError):
        objective.corruption = GaussianNoise()
