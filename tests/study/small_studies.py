"""Made up for tests: a small study of stripes, laid out on disk."""

from fewlabels.data import make_pools
from fewlabels.networks import Conv
from fewlabels.study.data import Materials, write_arrays
from fewlabels.study.plan import make_plan
from fewlabels.training import Recipe
from made_up_rows import stripes

NETWORK = Conv(channels=(4,), kernel=3, latent_dim=8)
QUICK = Recipe(steps=20, batch_size=32, lr=1e-2, validate_every=10)


def materials_of(folder, *methods, budgets=(4, 12), seeds=2, network=NETWORK, **options) -> Materials:
    """Materials for any methods, in a new folder."""
    dataset = stripes()
    pools = make_pools(dataset)
    plan = make_plan(dataset, pools, methods, budgets, seeds, network=network, pretraining=QUICK, **options)
    return write_arrays(plan, dataset, pools, folder, {"dataset": dataset.fingerprint()}, {"fewlabels": "test"})
