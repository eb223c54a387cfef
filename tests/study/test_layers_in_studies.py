"""Methods that read another layer share the encoder with those that read its code."""

from __future__ import annotations

from fewlabels.study.plan import Run
from fewlabels.study.runner import Runner


def test_the_encoder_is_trained_once_and_read_at_several_layers(materials):
    m = materials("denoising+probe", "denoising@below+probe", "scratch@below", "random@below+probe", seeds=1)
    keys = {method.name: m.plan.source_key(Run(method, 12, 0)) for method in m.plan.methods}
    assert keys["denoising@below+probe"] != keys["denoising+probe"]
    alike = [m.plan.trained_as_one(keys[name]) for name in ("denoising@below+probe", "denoising+probe")]
    assert alike[0] == alike[1] == ("denoising", 0)
    runner, rows = Runner(m), {}
    for run in m.plan.runs():
        rows.setdefault(run.method.name, []).extend(runner.carry_out(run))
    (encoder,) = (row for found in rows.values() for row in found if row["kind"] == "encoder")
    assert encoder["source"] == "denoising"
    assert {row["encoder"] for name in keys for row in rows[name][1:]} == {encoder["key"], None}
    assert rows["denoising+probe"][-1]["encoder"] == rows["denoising@below+probe"][-1]["encoder"] == encoder["key"]
    trained = {name: found[-1]["parameters"]["trained"] for name, found in rows.items()}
    assert trained["denoising@below+probe"] == trained["random@below+probe"] != trained["denoising+probe"]
    assert all(row["status"] == "ok" for found in rows.values() for row in found if row["kind"] == "run")
