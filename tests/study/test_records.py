"""Records on disk: appended, never rewritten; torn lines cut, damage and foreign studies refused."""

import json
import os
import subprocess
import sys

import pytest

from fewlabels.core.errors import InputError
from fewlabels.study.records import (
    MANIFEST,
    RECORDS,
    Records,
    latest_runs,
    read_study,
    study_folder,
    write_whole,
)

SETTINGS = {"methods": ["a"], "budgets": [10], "seeds": [0]}


def opened(folder, settings=SETTINGS):
    return study_folder(folder, {"format": 1}, settings)


def test_rows_come_back_in_order(tmp_path):
    with opened(tmp_path / "s") as records:
        records.append({"n": 1})
        records.append({"n": 2})
    manifest, rows = read_study(tmp_path / "s")
    assert manifest == {"format": 1, "settings": SETTINGS}
    assert rows == [{"n": 1}, {"n": 2}]


def test_a_torn_last_line_is_cut_off_and_writing_goes_on(tmp_path):
    path = tmp_path / RECORDS
    path.write_text('{"n": 1}\n{"n": 2, "accur')
    records = Records(path)
    assert records.rows == [{"n": 1}]
    records.append({"n": 3})
    assert Records(path).rows == [{"n": 1}, {"n": 3}]


def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_changed(tmp_path):
    path = tmp_path / RECORDS
    path.write_text('{"n": 1}\n{"n": \n{"n": 3}\n')
    before = path.read_bytes()
    with pytest.raises(InputError, match="line 2 is damaged"):
        Records(path)
    assert path.read_bytes() == before


def test_a_study_with_other_settings_is_refused_and_left_alone(tmp_path):
    with opened(tmp_path) as records:
        records.append({"n": 1})
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with (
        pytest.raises(InputError, match=r"other settings: budgets was \[10\], now \[10, 30\]; choose .* `out`"),
        opened(tmp_path, {**SETTINGS, "budgets": [10, 30]}),
    ):
        pass
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_difference_deep_inside_is_named_by_its_path(tmp_path):
    with opened(tmp_path, {"versions": {"torch": "1", "numpy": "2"}}):
        pass
    with (
        pytest.raises(InputError, match=r'versions\.numpy was "2", now "3"'),
        opened(tmp_path, {"versions": {"torch": "1", "numpy": "3"}}),
    ):
        pass


LONG = [f"denoising+{transfer}" for transfer in ("graph", "probe", "mlp", "finetune", "student")]


@pytest.mark.parametrize(
    ("now", "message"),
    [
        (LONG[:-1], r"methods no longer has denoising\+student; choose"),
        ([*LONG, "raw+graph", "pca+graph"], r"methods now also has raw\+graph, pca\+graph; choose"),
        (["raw+graph", *LONG[1:]], r"methods no longer has denoising\+graph, now also has raw\+graph; choose"),
        (LONG[::-1], "methods has the same members in another order; choose"),
    ],
)
def test_long_lists_differ_by_what_only_one_of_them_has(tmp_path, now, message):
    with opened(tmp_path, {"methods": LONG}):
        pass
    with pytest.raises(InputError, match=message), opened(tmp_path, {"methods": now}):
        pass


def described(data, options, **facts):
    told = {"name": "t", "examples": 9, "shape": [3], "classes": ["a", "b"], **facts}
    return {"format": 1, "dataset": told if options is None else {**told, "options": options}}, {"data": data}


@pytest.mark.parametrize(
    ("before", "now", "message"),
    [
        (described("1", {"target": "y"}), described("2", {"target": "y", "ignore": "id"}),
         "holds a study of other data: `ignore` was not given, now id; choose another folder"),
        (described("1", {"ignore": "id"}), described("2", {"ignore": "id, day"}), "was id, now id, day; choose"),
        (described("1", {"fold_case": "True"}), described("2", {}), "`fold_case` was True, now not given; choose"),
        (described("1", {}), described("2", {}, examples=8), "other data: examples was 9, now 8; choose"),
        (described("1", {}, classes=[*"abcdefghijklm"]), described("2", {}, classes=[*"abcdefghijklmn"]),
         "other data: classes now also has n; choose"),
        (described("1", {}), described("2", {}), "other data: values or labels in them have changed; choose"),
        (described("1", None), described("2", {"ignore": "id"}, shape=[2]),
         r"other data: shape was \[3\], now \[2\], read now with `ignore` id; choose"),
    ],
)  # fmt: skip
def test_other_data_are_told_by_the_option_that_read_them(tmp_path, before, now, message):
    with study_folder(tmp_path, *before):
        pass
    with pytest.raises(InputError, match=message), study_folder(tmp_path, *now):
        pass
    with study_folder(tmp_path, *before):
        pass


def test_the_same_settings_go_on(tmp_path):
    with opened(tmp_path) as records:
        records.append({"n": 1})
    with opened(tmp_path) as records:
        assert records.rows == [{"n": 1}]


def test_two_studies_at_once_in_one_folder_are_refused(tmp_path):
    with opened(tmp_path):
        script = (
            "import sys, pathlib; from fewlabels.study.records import study_folder\n"
            "with study_folder(pathlib.Path(sys.argv[1]), {}, {}): pass"
        )
        second = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "another study is writing here" in second.stderr


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "s").write_text("precious")
    with pytest.raises(InputError, match="cannot be written"), opened(tmp_path / "s"):
        pass
    assert (tmp_path / "s").read_text() == "precious"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a device that is always full")
def test_a_full_disk_is_one_clear_line(tmp_path):
    records = Records(tmp_path / RECORDS)
    (tmp_path / RECORDS).symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"No space left on device.*do the same again"):
        records.append({"n": 1})
    assert records.rows == []


def test_replacing_a_file_leaves_the_old_one_when_it_fails(tmp_path, monkeypatch):
    target = tmp_path / "report.html"
    write_whole(target, "old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write_whole(target, "new")
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_nan_never_enters_a_record(tmp_path):
    records = Records(tmp_path / RECORDS)
    with pytest.raises(ValueError, match="JSON"):
        records.append({"accuracy": float("nan")})
    assert not (tmp_path / RECORDS).exists()


def test_the_latest_row_of_a_run_counts():
    cell = {"kind": "run", "method": "a", "budget": 1, "seed": 0}
    rows = [{**cell, "status": "failed"}, {"kind": "encoder"}, {**cell, "status": "ok"}]
    assert latest_runs(rows) == [{**cell, "status": "ok"}]


def test_a_folder_without_a_study_is_said_plainly(tmp_path):
    with pytest.raises(InputError, match="there is no study here"):
        read_study(tmp_path)
    (tmp_path / MANIFEST).write_text("{")
    with pytest.raises(InputError, match=r"study\.json: cannot be read"):
        read_study(tmp_path)


def test_json_lines_are_what_they_say(tmp_path):
    records = Records(tmp_path / RECORDS)
    records.append({"text": "line\nbreak", "unicode": "é"})
    lines = (tmp_path / RECORDS).read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"text": "line\nbreak", "unicode": "é"}]
