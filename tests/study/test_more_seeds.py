"""A finished study goes on with more seeds: nothing is repeated, and what it had stays as it was."""

import json
from dataclasses import replace

import pytest
from small_studies import QUICK

import fewlabels
from fewlabels.core.errors import InputError
from fewlabels.networks import Dense
from fewlabels.study.plan import Run
from made_up_executor import InThisProcess
from made_up_rows import stripes
from toy_plans import blobs, plan_of

METHODS = ("denoising+probe", "raw+probe")


class Counting(InThisProcess):
    """Tells which seeds it was asked to carry out."""

    def __init__(self):
        self.seeds = []

    def run(self, materials, groups):
        for run, answer in super().run(materials, groups):
            self.seeds.append(run.seed)
            yield run, answer


def study_of(folder, seeds, executor=None, **options):
    settings = {"network": Dense(hidden=(8,), latent_dim=4), "pretraining": QUICK, "device": "cpu"}
    numerics = {"precision": "float32", "memory_format": "contiguous"}
    return fewlabels.run_study(
        stripes(),
        METHODS,
        (8,),
        seeds,
        out=folder,
        executor=executor or InThisProcess(),
        **settings,
        **numerics,
        **options,
    )


def told(study, seeds):
    """What a reader takes from the runs of some seeds."""
    kept = [run for run in study.runs if run["seed"] in seeds]
    return {(r["method"], r["seed"]): (r["accuracy"], r["hits"], r["labels"], r["validation"]) for r in kept}


@pytest.mark.parametrize("pretraining_per_seed", [False, True])
def test_more_seeds_go_on_and_end_as_a_study_of_all_of_them(tmp_path, pretraining_per_seed):
    options = {"pretraining_per_seed": pretraining_per_seed}
    first = study_of(tmp_path / "s", 2, **options)
    before = (tmp_path / "s" / "records.jsonl").read_bytes()
    counting = Counting()
    more = study_of(tmp_path / "s", 4, counting, **options)
    assert sorted(counting.seeds) == [2, 2, 3, 3]
    assert (tmp_path / "s" / "records.jsonl").read_bytes().startswith(before)
    assert told(more, (0, 1)) == told(first, (0, 1))
    at_once = study_of(tmp_path / "t", 4, **options)
    assert {cell: values[2] for cell, values in told(more, range(4)).items()} == {
        cell: values[2] for cell, values in told(at_once, range(4)).items()
    }
    for cell, values in told(more, range(4)).items():
        assert values[0] == pytest.approx(told(at_once, range(4))[cell][0], abs=0.05)


def test_the_looks_stand_in_the_manifest_and_widen_the_intervals(tmp_path):
    study_of(tmp_path / "s", 5)
    again = study_of(tmp_path / "s", 5)
    assert again.manifest["looks"] == [5]
    assert again.verdict().level == pytest.approx(0.96)
    more = study_of(tmp_path / "s", 6)
    manifest = json.loads((tmp_path / "s" / "study.json").read_text())
    assert (manifest["looks"], manifest["seeds"], manifest["settings"]["seeds"]) == ([5, 6], [*range(6)], [*range(6)])
    assert more.verdict().level == pytest.approx(0.992)
    assert more.verdict().looks == (5, 6)


def test_fewer_or_other_seeds_are_refused_and_nothing_changes(tmp_path):
    study_of(tmp_path / "s", 3)
    before = {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir() if path.is_file()}
    with pytest.raises(
        InputError, match=r"`seeds` is 2, and this study has 3; allowed are as many or more, which goes on"
    ):
        study_of(tmp_path / "s", 2)
    with pytest.raises(InputError, match=r"`seeds` are \[4, 5, 6, 7\], and this study has \[0, 1, 2\]; allowed"):
        study_of(tmp_path / "s", [4, 5, 6, 7])
    assert {path.name: path.read_bytes() for path in (tmp_path / "s").iterdir() if path.is_file()} == before


def test_a_study_from_before_there_were_looks_was_read_once(tmp_path):
    study_of(tmp_path / "s", 5)
    path = tmp_path / "s" / "study.json"
    manifest = json.loads(path.read_text())
    del manifest["looks"]
    path.write_text(json.dumps(manifest))
    assert fewlabels.open_study(tmp_path / "s").verdict().level == pytest.approx(0.96)
    assert study_of(tmp_path / "s", 6).manifest["looks"] == [5, 6]


def test_a_study_that_is_not_finished_decides_nothing(tmp_path):
    study = study_of(tmp_path / "s", 5)
    assert "not finished" not in study.verdict().sentence
    path = tmp_path / "s" / "records.jsonl"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    assert "until then nothing is decided" in fewlabels.open_study(tmp_path / "s").verdict().sentence


def test_seeds_asked_for_later_are_fitted_with_one_another_alone():
    plan = replace(plan_of(blobs(), methods=["raw+probe"], budgets=[6], seeds=5), looks=(2, 5))
    method = plan.methods[0]
    together = {seed: [run.seed for run in plan.together(Run(method, 6, seed))] for seed in plan.seeds}
    assert together == {0: [0, 1], 1: [0, 1], 2: [2, 3, 4], 3: [2, 3, 4], 4: [2, 3, 4]}
    assert plan.settings() == replace(plan, looks=()).settings()
