"""Writes the model folders that every later version must read: fixtures/vN, for version N of the format.

Run by hand, from the root of the repository, and only for a new version of the format, into a folder of its own:

    python tests/models/write_fixture.py tests/models/fixtures/v3

Folders of earlier versions are never written again.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from fewlabels.models import ClassifierModel, EncoderModel, save_model
from made_up_models import answers_of, classifier_model, encoder_model, examples

MODELS = {
    "classifier": lambda: classifier_model("codes of conv"),
    "table": lambda: classifier_model("mlp of table"),
    "encoder": lambda: encoder_model("adversarial"),
}
EXAMPLES = 3


def expected(model: ClassifierModel | EncoderModel) -> dict[str, list]:
    """Examples, None where a value is missing, and what the model says of them: probabilities or codes."""
    x = examples(model.signature, EXAMPLES)
    found = answers_of(model, EXAMPLES)
    missing = np.isnan(x) if x.dtype == np.float32 else np.zeros(x.shape, dtype=bool)
    told = np.exp(found) if isinstance(model, ClassifierModel) else found
    return {"x": np.where(missing, None, x.astype(object)).tolist(), "answers": told.tolist()}


def main(folder: Path) -> None:
    folder.mkdir(parents=True)  # fails where a fixture stands already
    told = {}
    for name, make in MODELS.items():
        model = make()
        save_model(model, folder / name)
        told[name] = expected(model)
    (folder / "expected.json").write_text(json.dumps(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
