"""A small study, laid out on disk once for all tests that carry out runs."""

import pytest
from made_up_rows import stripes

from fewlabels.data import make_pools
from fewlabels.networks import Conv
from fewlabels.study.materials import lay_out
from fewlabels.study.plan import make_plan
from fewlabels.training import Recipe
from fewlabels.transfer import neural

QUICK = Recipe(steps=20, batch_size=32, lr=1e-2, validate_every=10)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(autouse=True)
def _few_steps(monkeypatch):
    """Classifiers of these tests need not be good. Worker processes keep the real numbers."""
    monkeypatch.setattr(neural, "FEWEST_STEPS", 25)


@pytest.fixture
def materials(tmp_path):
    """Materials for any methods: `materials("raw+probe", "scratch", budgets=[4, 12])`."""

    def make(*methods, budgets=(4, 12), seeds=2, **options):
        dataset = stripes()
        pools = make_pools(dataset)
        network = Conv(channels=(4,), kernel=3, latent_dim=8)
        plan = make_plan(dataset, pools, methods, budgets, seeds, network=network, pretraining=QUICK, **options)
        return lay_out(
            plan, dataset, pools, tmp_path / "work", {"dataset": dataset.fingerprint()}, {"fewlabels": "test"}
        )

    return make
