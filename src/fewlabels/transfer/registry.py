"""Equal effort: what every way of transfer tries, as it stands in the records of a study."""

from __future__ import annotations

from typing import Any

from fewlabels.core.settings import to_json
from fewlabels.transfer import finetune, probe, supervised, tuning
from fewlabels.transfer.base import Setting


def tried_settings() -> dict[str, Any]:
    """The settings tried inside the labels, by way of transfer, and how they are validated, as JSON values."""
    steps = f"{supervised.EPOCHS} epochs, {supervised.FEWEST_STEPS} to {supervised.MOST_STEPS} steps"
    recipe = to_json(supervised.recipe_for(supervised.BATCH, supervised.DEFAULT_RATE["lr"]))
    return {
        "probe": _tried(probe.PENALTIES, probe.DEFAULT_PENALTY),
        "finetune, scratch": _tried(finetune.FINE_TUNING_RATES, finetune.DEFAULT_FINE_TUNING_RATE),
        "mlp, cnn": _tried(supervised.RATES, supervised.DEFAULT_RATE),
        "recipe": {**recipe, "steps": steps},
        "validation": f"{tuning.FOLDS} folds inside the labels; one of them from {tuning.ONE_SPLIT_FROM} labels on",
    }


def _tried(settings: tuple[Setting, ...], default: Setting) -> dict[str, Any]:
    return {"tried": [dict(setting) for setting in settings], "default": dict(default)}
