"""Equal effort: what every way of transfer tries, as it stands in the records of a study."""

from __future__ import annotations

from typing import Any

from fewlabels.settings import to_json
from fewlabels.transfer import choice, neural, probe


def tried_settings() -> dict[str, Any]:
    """The settings tried inside the labels, by way of transfer, and how they are validated, as JSON values."""
    trained = {
        "tried": [dict(setting) for setting in neural.RATES],
        "default": dict(neural.DEFAULT_RATE),
        "recipe": to_json(neural.recipe_for(neural.BATCH, neural.DEFAULT_RATE["lr"])),
        "steps": f"{neural.EPOCHS} epochs, {neural.FEWEST_STEPS} to {neural.MOST_STEPS}",
    }
    return {
        "probe": {"tried": [dict(s) for s in probe.PENALTIES], "default": dict(probe.DEFAULT_PENALTY)},
        "mlp, finetune, scratch, cnn": trained,
        "validation": f"{choice.FOLDS} folds inside the labels; one of them from {choice.ONE_SPLIT_FROM} labels on",
    }
