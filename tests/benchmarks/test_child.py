"""Arms in processes of their own: made ready once, asked for repeats, told apart when they fail."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.child import Child, in_process, in_processes
from benchmarks.machine import describe_machine
from benchmarks.memory import cost_of, family
from benchmarks.side_by_side import ArmFailed, take_turns

ARMS = "child_arms"


@pytest.fixture(autouse=True)
def arms_can_be_imported(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def test_one_process_measures_all_repeats_with_its_threads():
    measured = take_turns([in_process("arm", f"{ARMS}:counting", {"factor": 3}, threads=5)], 3)["arm"]
    assert measured.failure is None
    assert measured.all() == [0, 3, 6]
    assert {figures["threads"] for figures in measured.repeats} == {"5"}
    assert len({figures["process"] for figures in measured.repeats}) == 1


def test_processes_share_a_repeat_and_their_figures_are_added():
    arm = in_processes("arm", f"{ARMS}:shared", [{"share": 2}, {"share": 3}])
    measured = take_turns([arm], 2)["arm"]
    assert [figures["done"] for figures in measured.repeats] == [5, 5]
    assert all(seconds > 0 for seconds in measured.all())


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("failing", "RuntimeError: cannot make ready"),
        ("leaving", r"worker died (exit code 3)"),
        ("missing", "module 'child_arms' has no attribute 'missing'"),
    ],
)
def test_a_process_that_fails_says_why(function, message):
    measured = take_turns([in_process("arm", f"{ARMS}:{function}", {}, threads=1)], 2)["arm"]
    assert measured.repeats == []
    assert message in measured.failure


def test_a_repeat_that_takes_too_long_is_stopped():
    child = Child(f"{ARMS}:sleeping", {}, 1)
    child.make_ready()
    child._limit_s = 0.2
    with pytest.raises(ArmFailed, match=r"stopped after 0\.2 s"):
        child.measure(0)
    child.close()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the system has no /proc")
def test_the_memory_of_a_command_is_that_of_all_its_processes(tmp_path):
    inner = "held = bytearray(60 * 2**20); import time; time.sleep(0.8)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}], check=True)"
    cost = cost_of([sys.executable, "-c", outer], {}, tmp_path, limit_s=30)
    assert 60 < cost.mebibytes < 200
    assert cost.seconds > 0.8
    with pytest.raises(ArmFailed, match="exit code 1: ValueError: no"):
        cost_of([sys.executable, "-c", "raise ValueError('no')"], {}, tmp_path, limit_s=30)
    with pytest.raises(ArmFailed, match="stopped after"):
        cost_of([sys.executable, "-c", "import time; time.sleep(30)"], {}, tmp_path, limit_s=0.5)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="the system has no /proc")
def test_a_family_begins_with_its_head():
    import os

    assert family(os.getpid())[0] == os.getpid()


def test_the_machine_is_described():
    machine = describe_machine(threads=2)
    assert machine["threads"] == 2
    assert {"processor", "cores", "torch", "commit", "date"} <= machine.keys()
    assert all(value for name, value in machine.items() if name != "load")
