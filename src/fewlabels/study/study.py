"""Studies from Python: run one, open one, look at its table, verdict and page."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.printed_table import PrintedTable
from fewlabels.data import Dataset, encoded, load, make_pools
from fewlabels.metrics.classification import balanced_accuracy
from fewlabels.metrics.verdict import Verdict, judge
from fewlabels.models import check_free, load_classifier, save_model
from fewlabels.networks import Network
from fewlabels.pipelines.defaults import PLANNING
from fewlabels.report.lines import collapsed, trained_again
from fewlabels.study.best import best_method, check_choice, fit_best, study_key
from fewlabels.study.execute import Watch, default_workers
from fewlabels.study.execute import run_study as carry_out
from fewlabels.study.executors import Executor
from fewlabels.study.executors.local import LocalProcesses
from fewlabels.study.plan import DEFAULT_SEEDS, Plan, Run, make_plan
from fewlabels.study.records import Rows, latest_runs, read_study, write_whole
from fewlabels.training import Recipe

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """A study on disk, finished or not: its manifest and its rows. Printed, and in a notebook, it is its verdict."""

    folder: Path
    manifest: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def runs(self) -> list[dict[str, Any]]:
        """One record for each run, good or failed."""
        return latest_runs(self.rows)

    @property
    def encoders(self) -> list[dict[str, Any]]:
        """The records of pretrained encoders."""
        return [row for row in self.rows if row["kind"] == "encoder"]

    @property
    def notices(self) -> list[str]:
        """What a reader must know before the figures: pretraining saw test inputs, pools share examples, runs took more
        than one attempt, codes collapsed."""
        notices, copies = [*self.manifest["dataset"].get("notices", ())], self.manifest["dataset"]["test_duplicates"]
        if self.manifest["transductive"]:
            notices.append("Transductive: the unlabelled pool holds the test inputs, so pretraining has seen them.")
        if copies:
            notices.append(f"{copies:,} test examples also stand in the unlabelled or labelled pool, byte for byte.")
        if again := trained_again([run for run in self.runs if run["status"] == "ok"]):
            notices.append(again)
        if flat := collapsed(self.encoders):
            notices.append(flat)
        return notices

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [run for run in self.runs if run["status"] != "ok"]

    def to_frame(self) -> pd.DataFrame:
        """One row a finished run: method, budget, seed, accuracies (balanced: the mean recall of the classes), log-loss
        (nats), setting, seconds, parameters.
        """
        import pandas as pd

        order = [method["name"] for method in self.manifest["methods"]]
        rows = [
            {
                "method": run["method"],
                "budget": run["budget"],
                "seed": run["seed"],
                "accuracy": run["accuracy"],
                "balanced_accuracy": balanced_accuracy(np.array(run["confusion"])),
                "log_loss": run["log_loss"],
                "validation_accuracy": run["validation"]["accuracy"] if run["validation"] else None,
                **{f"setting_{name}": value for name, value in run["setting"].items()},
                **{f"{name}_seconds": value for name, value in run["seconds"].items()},
                "parameters": run["parameters"]["total"],
                "trained_parameters": run["parameters"]["trained"],
                "pretraining_parameters": run["parameters"].get("pretraining", 0),
            }
            for run in sorted(self.runs, key=lambda run: (order.index(run["method"]), run["budget"], run["seed"]))
            if run["status"] == "ok"
        ]
        return pd.DataFrame(rows)

    def verdict(self) -> Verdict:
        """Whether pretraining helps, hurts or is undecided, budget by budget."""
        asked, names = self.manifest, {}
        for flag in (True, False):
            names[flag] = [method["name"] for method in asked["methods"] if method["pretrained"] is flag]
        return judge(
            self.runs,
            names[True],
            names[False],
            asked["dataset"]["name"],
            looks=asked.get("looks", [len(asked["seeds"])]),
            finished=len(self.runs) == len(asked["methods"]) * len(asked["budgets"]) * len(asked["seeds"]),
            shared=asked["pretraining"] == "shared",
        )

    def printed(self) -> PrintedTable:
        """The verdict under what was studied, with what a reader must know before the figures."""
        asked, verdict = self.manifest, self.verdict().printed()
        grid = len(asked["methods"]) * len(asked["budgets"]) * len(asked["seeds"])
        done = f"{sum(run['status'] == 'ok' for run in self.runs):,} of {grid:,} runs done"
        title = f"Study of {asked['dataset']['name']} in {self.folder}: {len(asked['methods'])} methods, {done}"
        return replace(verdict, title=title, notes=[*self.notices, *verdict.notes])

    def __repr__(self) -> str:
        return self.printed().text()

    def _repr_html_(self) -> str:
        return self.printed().html()

    def report(self, path: str | os.PathLike[str] | None = None) -> Path:
        """Write the study as one self-contained HTML page, by default report.html in its folder; returns where."""
        from fewlabels.report.study_page import render

        target = Path(path) if path is not None else self.folder / "report.html"
        write_whole(target, render(self.manifest, self.runs, self.encoders, self.verdict()))
        return target


def open_study(folder: str | os.PathLike[str]) -> Study:
    """A study from its folder. Raises InputError when there is none."""
    return Study(Path(folder), *read_study(Path(folder)))


def run_study(
    data: str | os.PathLike[str] | Dataset,
    methods: str | Sequence[str] = ("default",),
    budgets: Sequence[int] | None = None,
    seeds: int | Sequence[int] = DEFAULT_SEEDS,
    *,
    out: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    network: Network | str | None = None,
    pretraining: Recipe | None = None,
    stratified: bool = True,
    pretraining_per_seed: bool = False,
    transductive: bool = False,
    flips: bool | None = None,
    size: int | None = None,
    device: str = "auto",
    precision: str = "auto",
    memory_format: str = "auto",
    keep_best: str | os.PathLike[str] | None = None,
    overwrite: bool = False,
    command: str | None = None,
    watch: Watch | None = None,
) -> Study:
    """Measure whether pretraining pays on these data.

    Parameters
    ----------
    data
        Anything that `load` reads, or a Dataset.
    methods
        Names of methods or groups of them, see `fewlabels.pipelines.methods`.
    budgets
        Numbers of labels; by default 10, 30, 100, ... up to 1,000, as far as the labelled pool goes.
    seeds
        How many, or which. A finished study goes on with more, in the same folder, and keeps those it has.
    out
        Folder of the study, by default runs/NAME. The same call on the same folder goes on where it stopped.
    workers
        Processes of one thread each, by default one a core, or two where an accelerator computes.
    executor
        Who carries out the runs instead, see `fewlabels.study.executors`.
    network
        A spec, or a name of `fewlabels.networks.VARIANTS`; by default chosen from the shape of the examples.
    pretraining
        By default chosen from the size of the unlabelled pool.
    stratified, pretraining_per_seed, transductive
        See `fewlabels.study.plan.Plan`.
    flips
        Whether views of images may exchange left and right; by default those of colour images may.
    size
        Resizes images to size x size pixels.
    device
        'auto' (cuda where there is one, else mps, else cpu), 'cpu', 'cuda', 'mps'.
    precision, memory_format
        Of pretraining; 'auto' measures which is fastest on this machine and keeps the answer in the cache; or 'float32'
        or 'bfloat16', 'channels-last' or 'contiguous'.
    keep_best
        Folder for a classifier, made by the best method from the whole labelled pool.
    overwrite
        Whether it may take the place of another.
    command
        How the study was asked for, for the record.
    watch
        Is told of progress, see `fewlabels.study.execute.Watch`.

    Returns
    -------
    Study
        With all its runs, failed ones among them.

    Raises
    ------
    InputError
        For anything that cannot be used, before any work is done.
    """
    if workers is not None and workers < 1:
        raise InputError(f"`workers` is {workers}; allowed is 1 or more")
    watch = watch or Unwatched()
    watch.stage("reading the data")
    dataset = data if isinstance(data, Dataset) else load(data, size=size)
    watch.stage(PLANNING)
    pools = make_pools(dataset)
    vectors, encoding = encoded(dataset, pools.unlabelled)
    plan = make_plan(
        vectors,
        pools,
        methods,
        budgets,
        seeds,
        network=network,
        pretraining=pretraining,
        stratified=stratified,
        pretraining_per_seed=pretraining_per_seed,
        transductive=transductive,
        flips=flips,
        device=device,
        precision=precision,
        memory_format=memory_format,
    )
    kept = keep_best is not None and _holds_best(Path(keep_best), study_key(plan, vectors.fingerprint()))
    if keep_best is not None and not kept:
        check_free(Path(keep_best), overwrite)
        check_choice(plan, pools.labelled_y(vectors))
    folder = Path(out) if out is not None else Path("runs") / dataset.name
    asked = command or f"run_study({dataset.name!r}, ...)"
    executor = executor or LocalProcesses(workers or default_workers(plan.device))
    carry_out(plan, vectors, pools, folder, executor, asked, watch)
    study = open_study(folder)
    if keep_best is not None and not kept:
        best = best_method(study.runs, plan.methods)
        watch.stage(f"making a classifier by {best.name}, from all labels")
        save_model(fit_best(plan, best, dataset, vectors, encoding, pools), keep_best, overwrite)
    return study


def _holds_best(folder: Path, key: str) -> bool:
    """Whether the folder holds the classifier that this very study has kept before."""
    try:
        return bool(load_classifier(folder).facts["settings"].get("study") == key)
    except InputError:
        return False


class Unwatched:
    """Tells nobody."""

    def stage(self, what: str) -> None: ...

    def begin(self, plan: Plan, todo: Sequence[Run], workers: int) -> None: ...

    def ended(self, run: Run, answer: Rows | Exception) -> None: ...
