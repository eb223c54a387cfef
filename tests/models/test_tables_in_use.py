"""What a model remembers of its table: the column of labels, and the categories it has seen."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from commands import refused
from fewlabels import as_dataset, finetune, load, load_classifier, pretrain, save_model
from fewlabels.cli import main
from fewlabels.core.errors import InputError
from fewlabels.data import Column, fit_encoding, open_stream
from fewlabels.models import counting_unknown, unknown_categories, unseen_examples
from made_up_models import classifier_model, encoder_model


def table(n, seed, eyes=("blue", "brown")):
    """Whose size tells the sport, and whose eyes nothing."""
    rng = np.random.default_rng(seed)
    sport = rng.choice(["row", "run"], n)
    size = np.where(sport == "row", 0.0, 5.0) + rng.normal(size=n)
    return pd.DataFrame({"size": size, "eyes": rng.choice(eyes, n), "sport": sport})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of a classifier whose labels came from the column 'sport'; beside it the tables t.csv, seen, and new.csv."""
    place = tmp_path_factory.mktemp("model")
    table(60, 0).to_csv(place / "t.csv", index=False)
    table(40, 1, ("blue", "green", "grey")).to_csv(place / "new.csv", index=False)
    data = load(place / "t.csv", target="sport")
    save_model(finetune(pretrain(data, steps=20), data, "probe"), place / "clf")
    return place


def test_the_column_of_labels_is_found_again(folder):
    signature = load_classifier(folder / "clf").signature
    fresh = load(folder / "new.csv", signature=signature)
    assert fresh.target == signature.target == "sport"
    assert fresh.classes == ("row", "run")
    assert (fresh.y != -1).all()
    frame = pd.read_csv(folder / "new.csv")
    np.testing.assert_array_equal(as_dataset(frame, signature=signature).y, fresh.y)
    assert as_dataset(frame.rename(columns={"sport": "label"}), signature=signature).target == "label"
    both = as_dataset(frame.assign(label="x"), signature=signature)
    assert both.target == "sport"
    assert as_dataset(frame.assign(label="x"), target="label", signature=signature).classes == ("x",)


def test_a_table_without_that_column_is_told_so(folder):
    model = load_classifier(folder / "clf")
    fresh = as_dataset(table(9, 2).drop(columns="sport"), signature=model.signature)
    with pytest.raises(InputError, match="no label at all, and no column 'sport', which held those it was trained on"):
        unseen_examples(model, fresh)


def test_the_column_is_no_part_of_the_form(folder, tmp_path):
    model = load_classifier(folder / "clf")
    assert model.signature == replace(model.signature, target=None)
    plain = classifier_model("mlp of table")
    save_model(plain, tmp_path)
    told = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))["signature"]
    assert sorted(told) == ["columns", "dtype", "resized", "shape"]  # as the first version wrote it
    vectors = encoder_model("dense-vectors")
    with pytest.raises(InputError, match="only a table has a column of labels"):
        save_model(replace(vectors, signature=replace(vectors.signature, target="a")), tmp_path / "encoder")


def test_categories_that_the_pool_had_none_of_are_counted():
    columns = (Column("n"), Column("a", ("x", "y", "z")), Column("b", ("p", "q")))
    pool = np.float32([[0, 0, 0], [1, 1, np.nan], [2, 0, np.nan]])  # of a it has x and y, of b only p
    rows = np.float32([[-1, 2, 0], [9, -1, 1], [9, 0, np.nan], [9, np.nan, -1], [9, 2, 0]])
    assert fit_encoding(columns, pool).unknown(rows) == {1: 3, 2: 2}
    assert fit_encoding(columns[:1], pool[:, :1]).unknown(rows[:, :1]) == {}


def test_unknown_categories_of_frames_files_and_blocks(folder):
    model = load_classifier(folder / "clf")
    frame = pd.read_csv(folder / "new.csv")
    strangers = int((frame.eyes != "blue").sum())
    assert 0 < strangers < 40
    assert unknown_categories(model, frame) == {"eyes": strangers}
    assert unknown_categories(model, pd.read_csv(folder / "t.csv")) == {}
    assert unknown_categories(encoder_model("dense-vectors"), np.zeros((2, 6), np.float32)) == {}
    stream, counts = counting_unknown(model, open_stream(folder / "new.csv", model.signature))
    assert counts == {}
    rows = [x for _, x in stream.blocks()]
    assert len(np.concatenate(rows)) == 40
    assert counts == {"eyes": strangers}


def test_commands_ask_for_no_target_again_and_count_strangers(folder, monkeypatch, capsys):
    strangers = int((pd.read_csv(folder / "new.csv").eyes != "blue").sum())
    line = f"fewlabels: column 'eyes': {strangers} of 40 examples have a category that the model has never seen"
    clf, new, out = folder / "clf", folder / "new.csv", folder / "p.csv"
    for command in (["evaluate", clf, new], ["predict", clf, new, "-o", out], ["embed", clf, new, "-o", folder / "c"]):
        monkeypatch.setattr("sys.argv", ["fewlabels", *map(str, command), "--json"])
        with pytest.raises(SystemExit) as exit:
            main()
        said = capsys.readouterr()
        assert exit.value.code == 0, said.err
        assert line in said.err.splitlines()
        told = json.loads(said.out)
        assert told["unknown_categories"] == {"eyes": strangers}
    table(9, 2).drop(columns="sport").to_csv(folder / "bare.csv", index=False)
    (said,) = refused(monkeypatch, capsys, "evaluate", clf, folder / "bare.csv")
    assert "no column 'sport'" in said
