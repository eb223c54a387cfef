"""The command line as people use it: in a process of its own, with real output, exit codes and kills."""

import json
import os
import random
import signal
import subprocess
import time

import pytest

import fewlabels
from commands import command, refused, run
from fewlabels.cli import console
from fewlabels.metrics.advice import advise

FAST = ["--methods", "raw+probe,random+probe,denoising+probe", "--budgets", "10,30", "--seeds", "2", "--workers", "1"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")


def figures(folder):
    """What a study found, without what the clock says."""
    return {
        (r["method"], r["budget"], r["seed"]): (r["accuracy"], r["log_loss"], r["hits"], r["trials"], r["encoder"])
        for r in fewlabels.open_study(folder).runs
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """One study of the digits, run once for several tests."""
    folder = tmp_path_factory.mktemp("finished")
    os.environ["FEWLABELS_CACHE"] = str(folder / "cache")
    done = run("study", "digits", *FAST, "--out", folder / "s", "--json")
    assert done.returncode == 0, done.stderr
    return folder / "s", done


@pytest.mark.slow
def test_json_goes_to_stdout_alone_and_agrees_with_python(finished):
    folder, done = finished
    told = json.loads(done.stdout)
    verdict = fewlabels.open_study(folder).verdict()
    assert told["sentence"] == verdict.sentence
    assert told["advice"].startswith("With 30 labels use ")
    assert [b["labels"] for b in told["budgets"]] == [10, 30]
    assert [b["difference"] for b in told["budgets"]] == [b.comparison.difference for b in verdict.budgets]
    assert "12 of 12 runs done" in done.stderr


@pytest.mark.slow
def test_a_finished_study_is_told_again_without_running_anything(finished):
    folder, _ = finished
    before = (folder / "records.jsonl").read_bytes()
    again = run("study", "digits", *FAST, "--out", folder)
    assert again.returncode == 0
    assert "12 of 12 runs are done already" in again.stderr
    assert "With 30 labels use" in again.stdout
    assert "On digits, pretraining" in again.stdout
    assert (folder / "records.jsonl").read_bytes() == before
    assert not (folder / ".work").exists()


@pytest.mark.slow
def test_the_frame_has_a_row_a_run(finished):
    frame = fewlabels.open_study(finished[0]).to_frame()
    assert len(frame) == 3 * 2 * 2
    assert frame.groupby("method").budget.nunique().eq(2).all()
    best = frame.query("budget == 30").accuracy
    assert best.between(0.5, 1).all()


def test_the_page_stands_alone(finished):
    page = (finished[0] / "report.html").read_text()
    study = fewlabels.open_study(finished[0])
    assert study.verdict().sentence in page
    assert advise(study.verdict(), study.manifest["methods"]).headline in page
    assert "<script src" not in page
    assert "http-equiv" in page  # the policy that forbids loading anything


def test_other_settings_in_the_same_folder_are_refused(finished, monkeypatch, capsys):
    folder, _ = finished
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    lines = refused(
        monkeypatch, capsys, "study", "digits", "--methods", "raw+probe", "--budgets", "10", "--out", folder
    )
    assert len(lines) == 1
    assert "other settings" in lines[0]
    assert "--out" in lines[0]
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.slow
def test_a_study_killed_again_and_again_ends_like_one_that_was_not(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path / "cache"))
    rng = random.Random(0)
    for _ in range(3):
        victim = subprocess.Popen(
            command("study", "digits", *FAST, "--out", tmp_path / "s"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_for(tmp_path / "s" / "study.json")
        time.sleep(rng.uniform(0, 10))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert run("study", "digits", *FAST, "--out", tmp_path / "s").returncode == 0
    assert figures(tmp_path / "s") == figures(finished[0])


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_says_how_to_go_on(tmp_path):
    victim = subprocess.Popen(
        command("study", "digits", *FAST, "--out", tmp_path / "s"),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 (behind & it is ignored)
    )
    wait_for(tmp_path / "s" / "study.json")
    victim.send_signal(signal.SIGINT)
    _, said = victim.communicate(timeout=30)
    assert victim.returncode == 130
    assert "the same command goes on from here" in said
    assert "Traceback" not in said
    assert not (tmp_path / "s" / ".work").exists()


def wait_for(path, seconds=60):
    until = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert path.exists()


@pytest.mark.slow
def test_part_of_a_study_failing_is_exit_code_3_and_named(tmp_path):
    """Learning rates cannot be set from the shell, so the fault is planted: runs of one method die in their worker."""
    fault = tmp_path / "sitecustomize.py"
    fault.write_text(
        "import sys\n"
        "if 'fewlabels.core.processes' in ' '.join(sys.orig_argv):\n"
        "    import os, fewlabels.study.runner as runner\n"
        "    carry_out = runner.Runner.carry_out\n"
        "    def fatal(self, run):\n"
        "        if run.method.name == 'pca+probe': os.kill(os.getpid(), 9)\n"
        "        return carry_out(self, run)\n"
        "    runner.Runner.carry_out = fatal\n"
    )
    arguments = ("study", "digits", "--methods", "raw+probe,pca+probe", "--budgets", "10", "--seeds", "1")
    partly = subprocess.run(
        command(*arguments, "--out", tmp_path / "s"),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert partly.returncode == 3, partly.stderr
    assert "pca+probe at 10 labels, seed 0: worker died (signal 9" in partly.stderr
    status = {run["method"]: run["status"] for run in fewlabels.open_study(tmp_path / "s").runs}
    assert status == {"raw+probe": "ok", "pca+probe": "failed"}
    assert (tmp_path / "s" / "report.html").exists()
    mended = run(*arguments, "--out", tmp_path / "s")
    assert mended.returncode == 0
    assert "1 of 2 runs are done already" in mended.stderr


@pytest.mark.slow
def test_help_and_version_answer():
    helped = run("--help")
    assert helped.returncode == 0
    assert "study" in helped.stdout
    assert run("--version").stdout == f"fewlabels {fewlabels.__version__}\n"
    assert run("study").returncode == 2


def test_a_conversion_tells_how_far_it_is_in_a_few_lines(capsys):
    with console.reading("photos") as progress:
        for done in range(2000, 5001, 50):
            progress(done, 5000)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "2,000 of 5,000 examples converted"
    assert lines[-1] == "5,000 of 5,000 examples converted"
    assert len(lines) == 7
    with console.reading("photos"):
        pass
    assert capsys.readouterr().err == ""
