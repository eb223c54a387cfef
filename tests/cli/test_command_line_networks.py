"""Networks, schedules and further methods as the command line takes them."""

import pytest

import fewlabels
from commands import refused, run
from fewlabels.networks import VARIANTS

TINY = ["--budgets", "10", "--seeds", "1", "--workers", "1"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FEWLABELS_CACHE", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.setenv("FEWLABELS_OFFLINE", "1")


def network(**changes):
    dense = {"kind": "Dense", "hidden": [], "latent_dim": 32, "code": "linear", "output": "linear", "tied": False}
    return {**dense, **changes}


@pytest.mark.slow
def test_methods_may_name_a_network(tmp_path):
    methods = "reconstruction/tied+probe,raw+probe"
    done = run("study", "digits", "--methods", methods, "--network", "linear", *TINY, "--out", tmp_path / "s")
    assert done.returncode == 0, done.stderr
    assert "2 of 2 runs done" in done.stderr
    study = fewlabels.open_study(tmp_path / "s")
    assert [run["status"] for run in study.runs] == ["ok", "ok"]
    assert [method["name"] for method in study.manifest["methods"]] == methods.split(",")
    settings = study.manifest["settings"]
    assert settings["network"] == network()
    assert settings["networks"] == {"tied": network(tied=True)}
    (encoder,) = (row for row in study.rows if row["kind"] == "encoder")
    assert encoder["source"] == "reconstruction/tied"
    assert encoder["parameters"] == 64 * 32 + 32 + 64
    assert encoder["alignment"]["error"] < 1.2 * encoder["alignment"]["pca_error"]
    page = (tmp_path / "s" / "report.html").read_text()
    assert "reconstruction pretraining, tied network" in page


@pytest.mark.slow
def test_the_studys_own_network_may_be_named(tmp_path):
    done = run("study", "digits", "--methods", "random+probe", "--network", "tied", *TINY, "--out", tmp_path / "s")
    assert done.returncode == 0, done.stderr
    settings = fewlabels.open_study(tmp_path / "s").manifest["settings"]
    assert settings["network"] == network(hidden=[128], tied=True)
    assert settings["networks"] == {}


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        ("raw+probe,denoise+probe", "unknown method 'denoise+probe'; did you mean 'denoising+probe'? allowed are "),
        (
            "sparse/tide+probe",
            "method 'sparse/tide+probe': 'tide' cannot stand after sparse/; did you mean 'tied'? networks are ",
        ),
        ("random/tied+finetune", "method 'random/tied+finetune' is training from scratch; it is called 'scratch/tied'"),
    ],
    ids=["hint", "network", "other-name"],
)
def test_a_method_that_makes_no_sense_is_refused_in_one_line(tmp_path, monkeypatch, capsys, methods, says):
    out = tmp_path / "out"
    (line,) = refused(monkeypatch, capsys, "study", "digits", *TINY, "--methods", methods, "--out", out)
    assert line.startswith(f"fewlabels: {says}")
    assert not out.exists()


def test_an_unknown_network_hears_all_there_are(tmp_path, monkeypatch, capsys):
    (line,) = refused(monkeypatch, capsys, "study", "digits", "--network", "residul", "--out", tmp_path / "out")
    known = f"default, {', '.join(VARIANTS)}"
    assert line == f"fewlabels: --network is 'residul'; allowed are {known}; did you mean 'residual'?"
    (line,) = refused(monkeypatch, capsys, "study", "digits", "--network", "paper2", *TINY, "--out", tmp_path / "out")
    assert line.startswith("fewlabels: Conv with 3 levels of kernel 3 is too deep for images of 8x8")
    assert not (tmp_path / "out").exists()
