"""One run: what it records, what it shares with others, and the promises it keeps or breaks loudly."""

import base64
from dataclasses import replace

import numpy as np
import pytest
import torch

from fewlabels.core.errors import IntegrityError, TrainingDiverged
from fewlabels.data import make_pools
from fewlabels.metrics.verdict import unpack_hits
from fewlabels.study import runner as running
from fewlabels.study import sources
from fewlabels.study.data import StudyData
from fewlabels.study.plan import Plan
from fewlabels.study.runner import Runner
from fewlabels.transfer import TRANSFERS, FineTune, MlpHead, Probe
from made_up_rows import stripes

ALL = [
    "raw+probe",
    "pca+probe",
    "random+probe",
    "scratch",
    "cnn",
    "denoising+probe",
    "denoising+mlp",
    "denoising+finetune",
]


def carried_out(materials):
    runner = Runner(materials)
    return {(run.method.name, run.budget, run.seed): runner.carry_out(run) for run in materials.plan.runs()}


@pytest.mark.slow
def test_every_kind_of_method_gives_a_consistent_record(materials):
    m = materials(*ALL, seeds=1)
    test_y = StudyData(m).test_y
    for (method, budget, seed), rows in carried_out(m).items():
        row = rows[-1]
        assert (row["method"], row["budget"], row["seed"], row["status"]) == (method, budget, seed, "ok")
        confusion = np.array(row["confusion"])
        assert confusion.sum() == row["n_test"] == len(test_y)
        assert (confusion.sum(axis=1) == np.bincount(test_y, minlength=2)).all()
        assert row["accuracy"] == pytest.approx(np.trace(confusion) / len(test_y))
        assert row["accuracy"] == pytest.approx(unpack_hits(row).mean())
        assert 0 < row["parameters"]["trained"] <= row["parameters"]["total"]
        assert (row["validation"] is not None) == bool(row["trials"])
        assert row["attempts"] == 1


def test_stripes_are_told_apart_with_twelve_labels(materials):
    rows = carried_out(materials("raw+probe", "denoising+finetune", seeds=1))
    assert rows["raw+probe", 12, 0][-1]["accuracy"] > 0.9
    assert rows["denoising+finetune", 12, 0][-1]["accuracy"] > 0.9


def test_a_record_tells_of_the_first_fold_what_a_method_with_no_other_would(materials, monkeypatch):
    row = TRANSFERS["probe"]
    monkeypatch.setitem(TRANSFERS, "probe", replace(row, settings=(row.default,)))
    three = carried_out(materials("raw+probe", seeds=1))["raw+probe", 12, 0][-1]["validation"]
    monkeypatch.setitem(TRANSFERS, "probe", replace(row, settings=(row.default,), folds=1))
    one = carried_out(materials("raw+probe", seeds=1))["raw+probe", 12, 0][-1]["validation"]
    assert (three["folds"], one["folds"]) == (3, 1)
    assert three["first_fold"] == pytest.approx(one["first_fold"])
    assert one["first_fold"] == {"accuracy": one["accuracy"], "log_loss": one["log_loss"]}
    assert three["first_fold"]["log_loss"] != pytest.approx(three["log_loss"])


@pytest.mark.slow
def test_all_methods_at_a_budget_and_seed_share_their_labels(materials):
    rows = carried_out(materials(*ALL))
    draws = {(budget, seed): set() for _, budget, seed in rows}
    for (_, budget, seed), (*_, row) in rows.items():
        draws[budget, seed].add(row["labels"])
    assert all(len(hashes) == 1 for hashes in draws.values())
    assert len({next(iter(hashes)) for hashes in draws.values()}) == len(draws)  # and seeds do not


@pytest.mark.slow
def test_every_method_tries_as_many_settings(materials):
    rows = carried_out(materials(*ALL, seeds=1))
    assert len({len(r[-1]["trials"]) for (_, budget, _), r in rows.items() if budget == 12}) == 1


@pytest.mark.slow
def test_the_same_run_gives_the_same_figures_on_another_bench(materials):
    m = materials(*ALL, seeds=1)
    first, second = carried_out(m), carried_out(m)
    for key, rows in first.items():
        for name in ("accuracy", "log_loss", "hits", "trials", "setting", "curve"):
            assert rows[-1][name] == second[key][-1][name], (key, name)


GRID = ["raw+probe", "pca+probe", "denoising+probe", "denoising+mlp"]


@pytest.mark.slow
def test_a_grid_fitted_together_gives_the_figures_of_each_run_alone(materials, monkeypatch):
    m = materials(*GRID)
    together = carried_out(m)
    monkeypatch.setattr(Plan, "together", lambda plan, run: [run])
    for key, (*_, alone) in carried_out(m).items():
        row = together[key][-1]
        assert (row["setting"], row["labels"], row["hits"]) == (alone["setting"], alone["labels"], alone["hits"])
        assert row["log_loss"] == pytest.approx(alone["log_loss"], abs=1e-4)
        for trial, expected in zip(row["trials"], alone["trials"], strict=True):
            assert trial["log_loss"] == pytest.approx(expected["log_loss"], abs=1e-4)


@pytest.mark.slow
def test_a_grid_is_fitted_once_and_whatever_is_left_to_do_the_same(materials, monkeypatch):
    m, fitted, fit = materials(*GRID), [], running.tune_and_fit_all

    def watch(learner, x, y, cases, folds):
        fitted.append((type(learner).__name__, [(len(case.index), case.seed) for case in cases]))
        return fit(learner, x, y, cases, folds)

    monkeypatch.setattr(running, "tune_and_fit_all", watch)
    whole = carried_out(m)
    grid = [(budget, seed) for seed in m.plan.seeds for budget in m.plan.budgets]
    assert fitted == [("Probe", grid)] * 3 + [("MlpHead", grid)]
    for run in m.plan.runs()[-1:0:-3]:  # as if the others had been done before
        row = Runner(m).carry_out(run)[-1]
        for name in ("accuracy", "log_loss", "hits", "trials", "setting", "curve"):
            assert row[name] == whole[run.method.name, run.budget, run.seed][-1][name]


def test_a_case_that_cannot_be_fitted_costs_its_own_run_only(materials, monkeypatch):
    m, fit_all = materials("raw+probe"), Probe.fit_all

    def diverge(self, x, y, tasks):
        if any((task.labels, task.seed) == (12, 1) for task in tasks):
            raise TrainingDiverged("training stopped")
        return fit_all(self, x, y, tasks)

    expected = carried_out(m)
    monkeypatch.setattr(Probe, "fit_all", diverge)
    runner, failed = Runner(m), []
    for run in m.plan.runs():
        try:
            row = runner.carry_out(run)[-1]
        except TrainingDiverged:
            failed.append((run.budget, run.seed))
        else:
            assert row["hits"] == expected[run.method.name, run.budget, run.seed][-1]["hits"]
    assert failed == [(12, 1)]


def test_an_encoder_is_trained_once_for_all_seeds_or_once_a_seed(materials):
    def keys(**options):
        return {r[-1]["encoder"] for r in carried_out(materials("denoising+probe", **options)).values()}

    assert len(keys()) == 1
    assert len(keys(pretraining_per_seed=True)) == 2


def test_the_record_of_an_encoder_shows_its_learning(materials):
    encoder, _ = next(iter(carried_out(materials("denoising+probe", seeds=1)).values()))
    assert encoder["kind"] == "encoder"
    assert encoder["history"]["step"][-1] == 20
    assert encoder["history"]["validation_step"] == [10, 20]
    images = encoder["images"]
    original = np.frombuffer(base64.b64decode(images["original"][0]), np.uint8)
    assert len(images["original"]) == len(images["input"]) == len(images["reconstructed"]) == 8
    assert original.size == np.prod(images["shape"]) == 64
    assert images["input"][0] != images["original"][0]


def test_pretraining_that_failed_is_not_tried_again_for_every_run(materials, monkeypatch):
    m = materials("denoising+probe", seeds=1)
    runner, tries = Runner(m), []

    def diverge(self, *args):
        tries.append(args)
        raise TrainingDiverged("training stopped")

    monkeypatch.setattr(sources.EncoderStore, "get_or_train_all", diverge)
    for run in m.plan.runs():
        with pytest.raises(TrainingDiverged):
            runner.carry_out(run)
    assert len(tries) == 1


def test_a_second_study_takes_the_encoder_from_the_store(materials):
    m = materials("denoising+probe", seeds=1)
    run = m.plan.runs()[0]
    assert [Runner(m).carry_out(run)[0]["cached"] for _ in range(2)] == [False, True]


def test_pools_are_disjoint_and_pretraining_never_sees_the_test_inputs(materials):
    m = materials("denoising+probe")
    data = StudyData(m)

    def images(examples):
        return {image.numpy().tobytes() for image in examples.batch(slice(None))}

    seen = images(data.unlabelled) | images(data.validation)
    assert not seen & images(data.test)
    assert not seen & images(data.labelled)
    assert not images(data.labelled) & images(data.test)
    assert not images(data.unlabelled) & images(data.validation)


def test_transductive_pretraining_sees_the_test_inputs_and_no_scaler_does(materials):
    sizes, scales = [], []
    for transductive in (False, True):
        m = materials("denoising+probe", transductive=transductive)
        data = StudyData(m)
        sizes.append(len(data.unlabelled) + len(data.validation))
        scales.append(m.scaling.scale)
    assert sizes[1] == sizes[0] + len(data.test)
    assert (scales[0] == scales[1]).all()


def test_only_labels_that_some_budget_draws_are_laid_out(materials):
    m = materials("raw+probe", budgets=[4], seeds=1)
    assert len(StudyData(m).labelled_y) == 4


class TestBrokenPromises:
    """Faults planted one at a time: each must stop the study."""

    def test_a_frozen_encoder_that_moves(self, materials, monkeypatch):
        m = materials("denoising+mlp", seeds=1)
        runner, fit_all = Runner(m), MlpHead.fit_all

        def meddle(self, *args):
            with torch.no_grad():
                next(runner._source.encoder.net.parameters()).add_(1e-3)
            return fit_all(self, *args)

        monkeypatch.setattr(MlpHead, "fit_all", meddle)
        with pytest.raises(IntegrityError, match="unchanged after the run"):
            runner.carry_out(m.plan.runs()[0])

    def test_fine_tuning_that_reaches_the_source(self, materials, monkeypatch):
        m = materials("denoising+finetune", seeds=1)
        monkeypatch.setattr(sources.Encoder, "copy", lambda self: self.net)
        with pytest.raises(IntegrityError, match="unchanged after the run"):
            Runner(m).carry_out(m.plan.runs()[0])

    def test_a_transferred_encoder_that_is_not_its_source(self, materials, monkeypatch):
        m = materials("denoising+finetune", seeds=1)
        runner, fit_all = Runner(m), FineTune.fit_all

        def meddle(self, *args):
            with torch.no_grad():
                next(runner._source.encoder.net.parameters()).add_(1e-3)
            return fit_all(self, *args)

        monkeypatch.setattr(FineTune, "fit_all", meddle)
        with pytest.raises(IntegrityError, match="transferred encoder equals its source"):
            runner.carry_out(m.plan.runs()[0])

    def test_pretraining_that_changed_nothing(self, materials, monkeypatch):
        m = materials("denoising+probe", seeds=1)

        def lazy(self, jobs, x, validation, data):
            return [sources.Pretrained(sources.build(job, x.shape), "key", None, from_store=False) for job in jobs]

        monkeypatch.setattr(sources.EncoderStore, "get_or_train_all", lazy)
        with pytest.raises(IntegrityError, match="differs from its random start"):
            Runner(m).carry_out(m.plan.runs()[0])


@pytest.mark.slow
def test_no_test_data_enters_any_choice(materials):
    """Scrambling the test pool changes scores, and nothing that was fitted or chosen."""
    m = materials(*ALL, seeds=1)
    honest = carried_out(m)
    test = np.load(m.folder / "test.npy")
    np.save(m.folder / "test.npy", 255 - test[::-1])
    scrambled = carried_out(m)
    for key, rows in honest.items():
        for name in ("setting", "trials", "validation", "curve", "encoder"):
            assert rows[-1][name] == scrambled[key][-1][name], (key, name)
    assert any(rows[-1]["log_loss"] != scrambled[key][-1]["log_loss"] for key, rows in honest.items())


def test_make_pools_agrees_with_what_is_laid_out(materials):
    dataset = stripes()
    pools = make_pools(dataset)
    data = StudyData(materials("raw+probe"))
    assert len(data.test) == len(pools.test)
    assert len(data.unlabelled) + len(data.validation) == len(pools.unlabelled)
