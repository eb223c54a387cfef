"""Equal effort: what every way of transfer tries, as it stands in the records of a study."""

from __future__ import annotations

from typing import Any

from fewlabels.settings import to_json
from fewlabels.transfer import choice, neural, probe
from fewlabels.transfer.classifier import Setting


def tried_settings() -> dict[str, Any]:
    """The settings tried inside the labels, by way of transfer, and how they are validated, as JSON values."""
    recipe = to_json(neural.recipe_for(neural.BATCH, neural.DEFAULT_RATE["lr"]))
    return {
        "probe": _tried(probe.PENALTIES, probe.DEFAULT_PENALTY),
        "finetune, scratch": _tried(neural.FINE_TUNING_RATES, neural.DEFAULT_FINE_TUNING_RATE),
        "mlp, cnn": _tried(neural.RATES, neural.DEFAULT_RATE),
        "recipe": {**recipe, "steps": f"{neural.EPOCHS} epochs, {neural.FEWEST_STEPS} to {neural.MOST_STEPS} steps"},
        "validation": f"{choice.FOLDS} folds inside the labels; one of them from {choice.ONE_SPLIT_FROM} labels on",
    }


def _tried(settings: tuple[Setting, ...], default: Setting) -> dict[str, Any]:
    return {"tried": [dict(setting) for setting in settings], "default": dict(default)}
