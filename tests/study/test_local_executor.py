"""Worker processes: who gets which run, and what happens when one dies."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from fewlabels.core import processes
from fewlabels.core.errors import FewlabelsError
from fewlabels.core.processes import Worker, WorkerDied
from fewlabels.study.execute import grouped
from fewlabels.study.executors.local import LocalProcesses
from fewlabels.study.plan import Run
from fewlabels.study.schedule import Schedule


class TestSchedule:
    def test_a_worker_stays_with_its_source(self):
        schedule = Schedule({("a", 0): [1, 2], ("b", 0): [3, 4]})
        key, run = schedule.next(None)
        schedule.done(key)
        assert [run, schedule.next(key)[1]] == [1, 2]

    def test_two_workers_never_begin_the_same_source(self):
        schedule = Schedule({("a", 0): [1, 2], ("b", 0): [3, 4]})
        assert {schedule.next(None)[0], schedule.next(None)[0]} == {("a", 0), ("b", 0)}

    def test_a_source_is_shared_once_its_first_run_is_done(self):
        schedule = Schedule({("a", 0): [1, 2, 3]})
        key, _ = schedule.next(None)
        waited = []
        other = threading.Thread(target=lambda: waited.append(schedule.next(None)))
        other.start()
        time.sleep(0.05)
        assert waited == []  # the encoder is still being trained
        schedule.done(key)
        other.join(5)
        assert waited == [(key, 2)]

    def test_every_run_is_handed_out_once_and_then_none(self):
        schedule = Schedule({("a", 0): [1, 2], ("b", 0): [3]})
        handed, key = [], None
        while (task := schedule.next(key)) is not None:
            key = task[0]
            handed.append(task[1])
            schedule.done(key)
        assert sorted(handed) == [1, 2, 3]


@pytest.mark.slow
def test_all_runs_come_back_with_their_records(materials):
    m = materials("raw+probe", "random+probe", seeds=1)
    results = list(LocalProcesses(2).run(m, grouped(m.plan, m.plan.runs())))
    assert {(run.method.name, run.budget) for run, _ in results} == {
        (name, budget) for name in ("raw+probe", "random+probe") for budget in (4, 12)
    }
    assert all(rows[-1]["method"] == run.method.name and rows[-1]["threads"] == 1 for run, rows in results)


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_run_and_no_other(materials, monkeypatch):
    m = materials("raw+probe", "random+probe", seeds=1)
    send, killed = Worker.send, []

    def kill_once(self, run):
        if isinstance(run, Run) and run.method.name == "raw+probe" and not killed:
            killed.append(run)
            os.kill(self._process.pid, signal.SIGKILL)
        return send(self, run)

    monkeypatch.setattr(Worker, "send", kill_once)
    results = dict(LocalProcesses(1).run(m, grouped(m.plan, m.plan.runs())))
    died = [run for run, answer in results.items() if isinstance(answer, WorkerDied)]
    assert died == killed
    assert "signal 9" in str(results[killed[0]])
    assert len(results) == 4


@pytest.mark.slow
def test_an_error_in_a_run_comes_back_as_that_runs_answer(materials):
    m = materials("raw+probe", seeds=1)
    bad = m.plan.runs()[0]._replace(seed=99)  # no labels were drawn for it
    results = dict(LocalProcesses(1).run(m, {("raw", 0): [[bad, m.plan.runs()[0]]]}))
    assert isinstance(results[bad], FewlabelsError)
    assert "KeyError: 99" in str(results[bad])
    assert results[m.plan.runs()[0]][-1]["status"] == "ok"


def test_workers_that_cannot_start_are_given_up_on(materials, monkeypatch):
    m = materials("raw+probe", seeds=1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(FewlabelsError, match="no worker could start"):
        list(LocalProcesses(1).run(m, grouped(m.plan, m.plan.runs())))


@pytest.mark.slow
def test_an_abandoned_crew_leaves_no_process_behind(materials, monkeypatch):
    m = materials("raw+probe", "random+probe", seeds=1)
    started = []
    start = subprocess.Popen
    monkeypatch.setattr(processes.subprocess, "Popen", lambda *a, **k: started.append(start(*a, **k)) or started[-1])
    results = LocalProcesses(2).run(m, grouped(m.plan, m.plan.runs()))
    next(results)
    results.close()
    assert started
    assert all(process.wait(10) is not None for process in started)
