"""Estimators pickled before the rooms were moved still load, and say what they said."""

import pickle
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from fewlabels.core.former import MOVED
from fewlabels.networks.layers import ElementwiseAffine

PICKLE = Path(__file__).parent / "fixtures" / "estimators-0.1.0.pickle"


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_they_say_what_they_said():
    kept = pickle.loads(PICKLE.read_bytes())
    np.testing.assert_allclose(kept["transformer"].transform(kept["x"]), kept["codes"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(kept["classifier"].predict_proba(kept["x"]), kept["proba"], rtol=0, atol=1e-6)
    assert np.ptp(kept["proba"]) > 0.1
    assert all(
        (kept[name].objective, kept[name].flips) == ("denoising", None) for name in ("transformer", "classifier")
    )
    kept["classifier"].set_params(steps=3).fit(kept["x"], [0, 1] * 5)


@pytest.mark.slow
def test_a_process_that_has_imported_nothing_loads_them():
    code = f"import pickle; print(type(pickle.load(open({str(PICKLE)!r}, 'rb'))['classifier']).__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "PretrainedClassifier\n"


@pytest.mark.parametrize("module", ["fewlabels.networks.autoencoder", "fewlabels.networks.layers"])
def test_classes_of_another_name_are_those_of_today(module):
    assert pickle.loads(f"c{module}\nAffine\n.".encode()) is ElementwiseAffine


@pytest.mark.parametrize(("former", "today"), MOVED.items())
def test_a_former_name_has_the_classes_of_todays_module(former, today):
    module, moved = import_module(former), import_module(today)
    classes = {name for name, value in vars(moved).items() if getattr(value, "__module__", None) == today}
    assert classes
    assert all(getattr(module, name) is getattr(moved, name) for name in classes)
    assert moved.__name__ == today
