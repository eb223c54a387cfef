"""A worker: a process that serves a function, spoken to in pickles."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from fewlabels.core import processes
from fewlabels.core.errors import FewlabelsError, InputError, StorageError
from fewlabels.core.processes import Worker, WorkerDied


@pytest.fixture(autouse=True)
def functions_can_be_imported(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))


@contextmanager
def worker(target, *given):
    found = Worker(f"served:{target}", *given)
    try:
        yield found
    finally:
        found.stop()


def test_one_process_of_one_thread_answers_all_tasks_and_what_it_prints_stays_apart(capfd):
    with worker("adder", 100) as add:
        answers = [add(1), add(2, 3), add()]
    assert [answer["sum"] for answer in answers] == [101, 105, 100]
    assert {answer["process"] for answer in answers} == {add._process.pid}
    assert {answer["threads"] for answer in answers} == {"1"}
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.count("adding") == 3
    assert "making ready" in said.err
    assert "as C libraries print" in said.err


def test_an_error_comes_back_as_it_is_and_the_worker_goes_on():
    with worker("failing", "later") as fail:
        with pytest.raises(InputError, match=r"^what was wrong$") as caught:
            fail("input")
        assert (type(caught.value), caught.value.exit_code) == (InputError, 2)
        with pytest.raises(StorageError) as caught:
            fail("storage")
        assert caught.value.exit_code == 1
        with pytest.raises(FewlabelsError, match=r"^KeyError: 'missing\\nkey' \(served\.py, line \d+\)$"):
            fail("bug")
        assert fail("fine") == "fine"


@pytest.mark.parametrize(
    ("then", "message"),
    [("exit", "worker died (exit code 3)"), ("kill", "worker died (signal 9; out of memory?)")],
)
def test_a_worker_that_died_tells_how(then, message):
    with worker("failing", "later") as fail:
        with pytest.raises(WorkerDied) as caught:
            fail(then)
        assert str(caught.value) == message
        with pytest.raises(WorkerDied, match="worker died"):
            fail("fine")


def test_a_worker_that_answers_nonsense_is_ended(monkeypatch):
    monkeypatch.setattr(processes, "LAST_SECONDS", 0.1)
    with worker("failing", "later") as fail:
        fail.make_ready()
        answers = Path(f"/proc/{fail._process.pid}/fd")
        if not answers.exists() or not (answers / "3").exists():
            pytest.skip("the pipe of the answers cannot be told here")
        with pytest.raises(WorkerDied, match=r"signal 9"):
            fail("nonsense")


def test_one_that_cannot_make_ready_says_why():
    with worker("failing", "at the start") as fail, pytest.raises(InputError, match="cannot make ready"):
        fail.make_ready()
    with worker("missing") as none, pytest.raises(FewlabelsError, match="module 'served' has no attribute 'missing'"):
        none.make_ready()


def test_one_whose_python_cannot_start_has_died(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with worker("adder", 1) as add, pytest.raises(WorkerDied, match=r"worker died \(exit code 1\)"):
        add(1)


def test_one_that_takes_too_long_is_given_up_on():
    with worker("failing", "later") as fail:
        fail.make_ready()
        fail.send("sleep")
        with pytest.raises(WorkerDied, match=r"stopped after 0\.1 s"):
            fail.receive(limit_s=0.1)


@pytest.mark.parametrize("busy", [False, True])
def test_a_worker_ends_when_its_parent_does_whatever_it_is_doing(busy):
    with worker("failing", "later") as fail:
        fail.make_ready()
        if busy:
            fail.send("sleep")
        fail._process.stdin.close()  # as when the parent is killed
        assert fail._process.wait(10) == 0
