"""Where runs are carried out: with the study's data, and the last source at hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch

from fewlabels.core.errors import FewlabelsError
from fewlabels.data import folds
from fewlabels.metrics.verdict import pack_hits
from fewlabels.networks import parameter_count
from fewlabels.study.data import Materials, StudyData, draw_hash
from fewlabels.study.encoder_record import encoder_record
from fewlabels.study.plan import Run, SourceKey
from fewlabels.study.sources import Encoder, Source, make_source
from fewlabels.training import describe, thin
from fewlabels.transfer import (
    TRANSFERS,
    Case,
    Inputs,
    Learner,
    Outcome,
    per_example,
    take,
    tune_and_fit,
    tune_and_fit_all,
)
from fewlabels.transfer.tuning import FOLDS

Row = dict[str, Any]


class Fitted(NamedTuple):
    """source: None for a network that has none. test: the test pool as the classifier reads it."""

    source: Source | None
    outcome: Outcome
    test: Inputs


class Runner:
    """Carries out one run at a time.

    It keeps the last source at hand, and what it fitted together last: give it runs of one source in a row, and those
    that are fitted together one after the other.
    """

    def __init__(self, materials: Materials) -> None:
        self._materials = materials
        self._data = StudyData(materials)
        self._key: SourceKey | None = None
        self._source: Source | None = None
        self._failed: dict[SourceKey, FewlabelsError] = {}
        self._outcomes: dict[Run, Outcome] = {}
        self._recorded: set[str] = set()

    def carry_out(self, run: Run) -> list[Row]:
        """The records of a run: that of its pretrained encoder, if it has one, and its own, last.

        Raises IntegrityError where a promise about an encoder is broken, TrainingDiverged where a loss is not finite.
        """
        data = self._data
        source, outcome, test = self.fit(run)
        encoder = source.encoder if source is not None else None
        promises = [*encoder.promises, encoder.verify()] if encoder is not None else []
        frozen = parameter_count(source.features) if source is not None and test is not data.test else 0
        row = {
            "kind": "run",
            "method": run.method.name,
            "budget": run.budget,
            "seed": run.seed,
            "status": "ok",
            **_scores(outcome.classifier.log_proba(test), data.test_y, self._materials.classes),
            **_choice(outcome, self._first_held_out(run)),
            "seconds": {
                "pretraining": source.seconds if source is not None else 0.0,
                "tuning": outcome.tuning_seconds,
                "transfer": outcome.fitting_seconds,
            },
            "parameters": {
                "total": outcome.classifier.total + frozen,
                "trained": outcome.classifier.trained,
                "pretraining": encoder.trained if encoder is not None else 0,
            },
            "encoder": encoder.pretrained.key if encoder is not None and encoder.pretrained else None,
            "labels": draw_hash(self._materials.drawn[run.seed][: run.budget]),
            "integrity": promises,
            "device": self._materials.plan.device,
            "threads": torch.get_num_threads(),
            "versions": dict(self._materials.versions),
        }
        if encoder is None or encoder.pretrained is None or encoder.pretrained.key in self._recorded:
            return [row]
        encoder_row = self._encoder_row(run, encoder)
        self._recorded.add(encoder.pretrained.key)
        return [encoder_row, row]

    def fit(self, run: Run) -> Fitted:
        """The classifier of a run, and what it came from. Raises as `carry_out`."""
        data = self._data
        if (control := run.method.control) is not None:
            learner = control.learner(data.shape, self._materials.classes, self._materials.plan.flips)
            return Fitted(None, self._outcome(run, learner, data.labelled), data.test)
        source, transfer = self._take_up(run), TRANSFERS[run.method.transfer]
        start = source.start(self._materials.classes, lambda: data.unlabelled)
        start = replace(start, numerics=lambda: self._materials.plan.numerics_of(run.method))
        learner = transfer.learner(start, self._materials.plan.flips)
        labelled, test = (data.labelled, data.test) if transfer.reads == "examples" else (source.labelled, source.test)
        return Fitted(source, self._outcome(run, learner, labelled), test)

    def _take_up(self, run: Run) -> Source:
        key = self._materials.plan.source_key(run)
        if key in self._failed:
            raise self._failed[key]  # what failed once need not be trained again for every run
        if self._source is None or self._key != key:
            self._source, self._outcomes = None, {}  # let go of the last one's memory first
            try:
                self._key, self._source = key, make_source(key, self._materials, self._data)
            except FewlabelsError as error:
                self._failed[key] = error
                raise
        return self._source

    def _outcome(self, run: Run, learner: Learner, labelled: Inputs) -> Outcome:
        """Of a run that was fitted with others, or of the run alone where that failed: a bad one costs itself only."""
        if run not in self._outcomes:
            self._outcomes = self._fit_together(run, learner, labelled)
        if run in self._outcomes:
            return self._outcomes[run]
        case, most = self._case(run), run.method.row.folds
        return tune_and_fit(learner, take(labelled, case.index), self._data.labelled_y[case.index], case.seed, most)

    def _fit_together(self, run: Run, learner: Learner, labelled: Inputs) -> dict[Run, Outcome]:
        """All that belong together, done before or not, so that a study that is resumed fits the same."""
        runs = self._materials.plan.together(run)
        try:
            cases, most = list(map(self._case, runs)), run.method.row.folds
            outcomes = tune_and_fit_all(learner, labelled, self._data.labelled_y, cases, most)
        except FewlabelsError:
            return {}
        return dict(zip(runs, outcomes, strict=True))

    def _case(self, run: Run) -> Case:
        return Case(self._materials.draws[run.seed][: run.budget], run.seed)

    def _first_held_out(self, run: Run) -> int:
        """How many labelled examples the first fold holds out: those that every method has been validated on."""
        case = self._case(run)
        return next((len(held) for _, held in folds(self._data.labelled_y[case.index], FOLDS, case.seed)), 0)

    def _encoder_row(self, run: Run, encoder: Encoder) -> Row:
        assert encoder.pretrained is not None
        assert run.method.encoder_spec is not None
        assert self._key is not None
        history = encoder.pretrained.history
        return {
            "kind": "encoder",
            "key": encoder.pretrained.key,
            "source": run.method.encoder_spec.trained_as,
            "seed": self._key[1],
            "seconds": history.seconds,
            "cached": encoder.pretrained.from_store,
            "parameters": encoder.trained,
            "history": {**describe(history), "watched": encoder.objective.monitor},
            **encoder_record(encoder.net, encoder.objective, history, self._data),
        }


def _scores(log_proba: np.ndarray, y: np.ndarray, classes: int) -> Row:
    """Accuracy, log-loss (nats), hits and confusion (rows true, columns predicted) on the test pool."""
    hits, losses = per_example(log_proba, y)
    confusion = np.zeros((classes, classes), dtype=int)
    np.add.at(confusion, (y, log_proba.argmax(axis=1)), 1)
    return {
        "accuracy": float(hits.mean()),
        "log_loss": float(losses.mean()),
        "n_test": len(y),
        "hits": pack_hits(hits.astype(bool)),
        "confusion": confusion.tolist(),
    }


def _choice(outcome: Outcome, first: int) -> Row:
    """What was tried inside the labels, what was chosen, and how its training went.

    first: the examples that its first fold held out, which stand first in what it held out.
    """
    chosen = outcome.chosen
    validation: Row | None = None
    if chosen is not None and outcome.held_out is not None:
        hits, losses = per_example(*outcome.held_out)[:, :first].mean(axis=1).tolist()
        validation = {"accuracy": chosen.accuracy, "log_loss": chosen.log_loss, "folds": outcome.folds}
        validation["first_fold"] = {"accuracy": hits, "log_loss": losses}
    step, loss = thin(outcome.classifier.curve, points=50)
    return {
        "validation": validation,
        "setting": dict(outcome.setting),
        "taught_by": dict(outcome.classifier.taught_by) or None,
        "attempts": outcome.attempts,
        "trials": [
            {"setting": dict(trial.setting), "accuracy": trial.accuracy, "log_loss": trial.log_loss}
            for trial in outcome.trials
        ],
        "curve": {"step": step, "loss": loss} if loss else None,
    }
