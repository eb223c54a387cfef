"""Encoders of all seeds pretrained in one go, and fits in one go: what is shared, and what one that fails costs."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_studies import materials_of

from fewlabels.core.errors import TrainingDiverged
from fewlabels.core.files import cache_folder
from fewlabels.networks import Dense
from fewlabels.study.plan import Plan
from fewlabels.study.runner import Runner
from fewlabels.training import store
from fewlabels.transfer import FineTune, MlpHead, Probe

DENSE, SEEDS = Dense(hidden=(8,), latent_dim=4), (3, 4, 8)


def of_all_seeds(folder: Path, *methods: str, **options):
    """Materials of a study with an encoder for every seed."""
    return materials_of(folder, *methods, seeds=SEEDS, network=DENSE, pretraining_per_seed=True, **options)


@pytest.fixture
def trained(monkeypatch):
    """The seeds of the jobs of every training, in order; one that holds the seed `trained.bad` diverges."""
    train_stacked = store.train_stacked

    class Trained(list):
        bad: int | None = None

    seen = Trained()

    def watched(jobs, x, validation):
        seeds = [job.seed for job in jobs]
        seen.append(seeds)
        if seen.bad in seeds:
            raise TrainingDiverged("training stopped")
        return train_stacked(jobs, x, validation)

    monkeypatch.setattr(store, "train_stacked", watched)
    return seen


def carried_out(materials, runner=None):
    """Rows, or the error, by budget and seed."""
    runner, found = runner or Runner(materials), {}
    for run in materials.plan.runs():
        try:
            found[run.budget, run.seed] = runner.carry_out(run)
        except TrainingDiverged as error:
            found[run.budget, run.seed] = error
    return found


def kept() -> int:
    return len(list((cache_folder() / "encoders").glob("*.safetensors")))


def test_the_first_source_leaves_all_seeds_in_the_store(tmp_path, trained):
    m = of_all_seeds(tmp_path, "denoising+probe")
    first = Runner(m).carry_out(m.plan.runs()[0])
    assert kept() == 3
    rows = carried_out(m)
    assert trained == [list(SEEDS)]
    assert not first[0]["cached"]
    assert [rows[4, seed][0]["cached"] for seed in SEEDS] == [True] * 3
    assert len({rows[4, seed][0]["key"] for seed in SEEDS}) == 3
    assert [rows[4, seed][0]["seed"] for seed in SEEDS] == list(SEEDS)
    assert all(rows[4, seed][0]["seconds"] > 0 for seed in SEEDS)


def test_a_later_seed_may_come_first_and_only_what_is_missing_is_trained(tmp_path, trained):
    m = of_all_seeds(tmp_path, "denoising+probe")
    (run,) = (run for run in m.plan.runs() if (run.budget, run.seed) == (4, 8))
    encoder, _ = Runner(m).carry_out(run)
    assert (encoder["seed"], encoder["cached"]) == (8, False)
    for path in sorted((cache_folder() / "encoders").iterdir()):
        if encoder["key"] not in path.name:
            path.unlink()
    carried_out(m)
    assert trained == [[3, 4, 8], [3, 4]]


def test_figures_are_those_of_one_at_a_time(tmp_path, trained, monkeypatch):
    m = of_all_seeds(tmp_path, "denoising+probe")
    together = carried_out(m)
    monkeypatch.setattr(Plan, "seeds_together", lambda plan, way, seed: (seed,))
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "another"))
    alone = carried_out(m)
    assert trained == [[3, 4, 8], [3], [4], [8]]
    for cell, rows in alone.items():
        row, other = rows[-1], together[cell][-1]
        assert (other["hits"], other["encoder"], other["setting"]) == (row["hits"], row["encoder"], row["setting"])
        assert other["log_loss"] == pytest.approx(row["log_loss"], abs=1e-3)
        if len(rows) == 2:
            assert together[cell][0]["history"]["loss"] == pytest.approx(rows[0]["history"]["loss"], rel=1e-4)


def test_an_encoder_that_diverges_costs_the_runs_of_its_seed_only(tmp_path, trained):
    m = of_all_seeds(tmp_path, "denoising+probe")
    expected = carried_out(m)
    for path in (cache_folder() / "encoders").iterdir():
        path.unlink()
    trained.bad = 4
    for cell, found in carried_out(m).items():
        if cell[1] == 4:
            assert isinstance(found, TrainingDiverged)
        else:
            assert found[-1]["hits"] == expected[cell][-1]["hits"]
    assert kept() == 2


def test_one_seed_that_diverges_alone_is_trained_once(tmp_path, trained, monkeypatch):
    monkeypatch.setattr(Plan, "seeds_together", lambda plan, way, seed: (seed,))
    m, trained.bad = of_all_seeds(tmp_path, "denoising+probe"), 4
    carried_out(m)
    assert trained == [[3], [4], [8]]


@pytest.mark.slow
@pytest.mark.parametrize(("learner", "way"), [(Probe, "probe"), (MlpHead, "mlp"), (FineTune, "finetune")])
def test_one_case_that_fails_in_a_joint_fit_costs_its_own_run_only(tmp_path, monkeypatch, learner, way):
    """The others of the fit are then fitted one by one, to the same figures."""
    m, fit_all = materials_of(tmp_path, f"denoising+{way}", seeds=SEEDS, network=DENSE), learner.fit_all
    together = []

    def diverge(self, x, y, tasks):
        together.append({task.seed for task in tasks})
        if any((task.labels, task.seed) == (12, 4) for task in tasks):
            raise TrainingDiverged("training stopped")
        return fit_all(self, x, y, tasks)

    expected = carried_out(m)
    monkeypatch.setattr(learner, "fit_all", diverge)
    for cell, found in carried_out(m).items():
        if cell == (12, 4):
            assert isinstance(found, TrainingDiverged)
        else:
            assert found[-1]["hits"] == expected[cell][-1]["hits"]
            assert found[-1]["log_loss"] == pytest.approx(expected[cell][-1]["log_loss"], abs=1e-3)
    assert set(SEEDS) in together
