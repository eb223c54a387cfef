"""What produced a result is told apart: versions, and the code that computes."""

from fewlabels import __version__, provenance
from test_architecture import ROOMS


def test_versions_name_what_figures_depend_on():
    versions = provenance.installed_versions()
    assert {"fewlabels", "python", "torch", "numpy", "scikit-learn", "scipy"} == versions.keys()
    assert versions["fewlabels"].startswith(f"{__version__} (code ")


def test_an_edit_to_what_computes_changes_the_hash(tmp_path, monkeypatch):
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))

    def fresh():
        return provenance.code_hash.__wrapped__()

    before = fresh()
    (tmp_path / "report" / "a.py").write_text("x = 2\n")
    assert fresh() == before  # how a page looks changes no figure
    for room in set(ROOMS) - {"report", "papers"}:
        (tmp_path / room / "a.py").write_text("x = 2\n")
        assert fresh() != before, room
        before = fresh()
