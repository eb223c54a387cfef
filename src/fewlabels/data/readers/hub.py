"""Data sets of the Hugging Face hub, and those saved in its form on disk: `hf:NAME`, `hf:NAME:CONFIG`, `hf:./path`."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.files import cache_folder, is_offline
from fewlabels.core.text import one_line
from fewlabels.data.blocks import spans
from fewlabels.data.dataset import UNLABELLED, Dataset, Signature
from fewlabels.data.labels import index_labels
from fewlabels.data.readers.arrays import as_dataset
from fewlabels.data.readers.frames import (
    check_left_out,
    column_labels,
    default_target,
    named_frame,
    rows_of,
    table_columns,
)
from fewlabels.data.readers.image_decoding import Form, model_form, read_alike, read_image
from fewlabels.data.readers.images import Size, target_shape

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "hf:"
UNLABELLED_SPLITS = ("unsupervised", "unlabeled", "unlabelled")
TEST_SPLITS = ("test", "validation")


@dataclass(frozen=True, eq=False)
class Hub:
    """What a name stands for, each split a `datasets.Dataset`.

    name: of the data set; where: what people call it. train, perhaps followed by a split of unlabelled examples.
    test: splits that may be the test set, the first that has labels is. image, target: names of columns.
    """

    name: str
    where: str
    train: list[Any]
    labelled: int
    test: list[Any]
    image: str | None
    target: str | None

    @property
    def n(self) -> int:
        return sum(map(len, self.train))


def read_hub(
    text: str,
    *,
    size: Size = None,
    target: str | None = None,
    ignore: Sequence[str] = (),
    signature: Signature | None = None,
) -> Dataset:
    """The data set that `text`, hf:NAME and so on, stands for; all of it in memory.

    The split train is x, and an unlabelled split joins it; test, or validation where there is no labelled test, is
    x_test. A column of images makes images, in one form (`size` resizes them); else the columns make a table.
    target: the column of labels; by default 'label', else the only ClassLabel. ignore: columns to leave out.

    Raises InputError where the library is missing, the data set is not found, or it cannot be used; FewlabelsError
    where the network fails.
    """
    hub = open_hub(text, target, ignore, signature)
    labels = _all_labels(hub)
    test, labels_test = _labelled_test(hub)
    if hub.image is None:
        if size is not None:
            raise InputError(f"`size` {size}: resizes images only, and {text} holds none; leave it out")
        table = as_dataset(
            _frame(hub, hub.train),
            None if hub.target is None else labels,
            name=hub.name,
            ignore=ignore,
            x_test=None if test is None else _frame(hub, [test]),
            y_test=labels_test,
            signature=signature,
        )
        return replace(table, target=hub.target)
    form = _form(hub, size, signature)
    x = _stacked(_images(hub, hub.train, form), (hub.n, *form.shape))
    x_test = None if test is None else _stacked(_images(hub, [test], form), (len(test), *form.shape))
    if x_test is not None and x_test.shape[1] != x.shape[1]:  # one of them is in colour
        x, x_test = (np.repeat(part, 3, axis=1) if part.shape[1] == 1 else part for part in (x, x_test))
    classes, indices = index_labels(labels, *([] if labels_test is None else [labels_test]))
    return Dataset(
        hub.name,
        x,
        indices[0],
        classes,
        x_test,
        None if x_test is None else indices[1],
        resized=form.size is not None,
    )


def hub_blocks(hub: Hub, signature: Signature, length: int) -> Iterator[np.ndarray]:
    """The examples of x, [B, *signature shape], so many at a time. Raises InputError."""
    if hub.image is None:
        columns, start = table_columns(hub.where, signature), 0
        for part in hub.train:
            for span in spans(len(part), length):
                frame = _named(hub, part.select(range(span.start, span.stop)))
                yield rows_of(hub.where, frame, columns, start)
                start += len(frame)
        return
    form, block = _form(hub, None, signature), []
    for image in _images(hub, hub.train, form):
        block.append(image)
        if len(block) == length:
            yield np.stack(block)
            block = []
    if block:
        yield np.stack(block)


def open_hub(text: str, target: str | None, ignore: Sequence[str], signature: Signature | None) -> Hub:
    """What a name stands for. Raises InputError."""
    datasets = _library(text)
    rest = text.removeprefix(PREFIX)
    found = _found(datasets, text, rest)
    splits = dict(found) if isinstance(found, datasets.DatasetDict) else {"train": found}
    if "train" not in splits:
        if len(splits) != 1:
            raise InputError(f"{text}: has the splits {', '.join(splits)}, but no train; save it with one of that name")
        splits = {"train": next(iter(splits.values()))}
    features = splits["train"].features
    for option, wanted in (("target", [target] if target is not None else []), ("ignore", list(ignore))):
        for column in wanted:
            if column not in features:
                raise InputError(f"{text}: `{option}` {column!r}: no such column; there are {', '.join(features)}")
    check_left_out(text, signature, ignore, target)
    taken = set(ignore) | {column.name for column in (signature.columns or () if signature is not None else ())}
    if target is None:
        classes = [name for name, f in features.items() if isinstance(f, datasets.ClassLabel) and name not in taken]
        target = default_target(features, ignore, signature) or (classes[0] if len(classes) == 1 else None)
    images = [name for name, f in features.items() if isinstance(f, datasets.Image) and name not in ignore]
    if len(images) > 1:
        remedy = "leave out all but one (`ignore`)"
        if signature is not None:  # what asks a model about data has no such option
            remedy = "the model takes one: save the data set again without the others (remove_columns)"
        raise InputError(f"{text}: has several columns of images, {', '.join(images)}; {remedy}")
    path = _path(rest)
    name = (path.resolve().name if path is not None else rest.split(":")[0].split("/")[-1]) or "data"
    train = [splits["train"], *(splits[name] for name in UNLABELLED_SPLITS if name in splits)]
    test = [splits[name] for name in TEST_SPLITS if name in splits and target in splits[name].features]
    return Hub(name, text, train, len(train[0]), test, images[0] if images else None, target)


def _library(text: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise InputError(f'{text}: needs the library datasets; pip install "fewlabels[hub]"') from None
    return datasets


def _path(rest: str) -> Path | None:
    """The folder that is meant, where it is one and no name."""
    return Path(rest).expanduser() if rest.startswith((".", "/", "~")) or Path(rest).is_absolute() else None


def _found(datasets: Any, text: str, rest: str) -> Any:
    """What the library has of that name."""
    path, cache = _path(rest), str(cache_folder() / "hub")
    if path is not None and not path.is_dir():
        raise InputError(f"{text}: no such folder; check the path")
    if path is None and not rest.strip(":"):
        raise InputError(f"{text}: names nothing; allowed are hf:NAME, hf:NAME:CONFIG and hf:./path")
    if path is None and is_offline():
        raise InputError(
            f"{text}: FEWLABELS_OFFLINE forbids the network; unset it, or save the data set with save_to_disk and give "
            "its folder, hf:./path"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if path is not None and any((path / name).is_file() for name in ("dataset_dict.json", "state.json")):
                return datasets.load_from_disk(str(path))
            name, _, config = (str(path), "", "") if path is not None else rest.partition(":")
            return datasets.load_dataset(name, config or None, cache_dir=cache)
    except ConnectionError as error:
        raise FewlabelsError(f"{text}: cannot be downloaded ({one_line(error, 300)}); check the network") from None
    except Exception as error:  # the library has many, for what is not found, gated, damaged or not supported
        raise InputError(f"{text}: cannot be read ({one_line(error, 300)}); check the name, or the folder") from None


def _labels(hub: Hub, part: Any) -> np.ndarray:
    """[N] labels of a split, as `label_array` gives them."""
    import pandas as pd

    assert hub.target is not None
    values, feature = list(part[hub.target]), part.features[hub.target]
    names = _class_names(feature)
    if names is not None:
        return np.array(["" if v is None or v < 0 else names[v] for v in values], dtype=np.str_)
    return column_labels(f"{hub.where}: column {hub.target!r}", pd.Series(values))


def _class_names(feature: Any) -> list[str] | None:
    """Of a ClassLabel."""
    import datasets

    return list(feature.names) if isinstance(feature, datasets.ClassLabel) else None


def _all_labels(hub: Hub) -> np.ndarray:
    """[n] of x; the examples of an unlabelled split have none."""
    if hub.target is None:
        return np.full(hub.n, UNLABELLED, dtype=np.int64)
    known, more = _labels(hub, hub.train[0]), hub.n - hub.labelled
    return np.concatenate([known, np.full(more, "" if known.dtype.kind == "U" else UNLABELLED)])


def _labelled_test(hub: Hub) -> tuple[Any, np.ndarray | None]:
    """The first of the test splits that has labels at all."""
    for part in hub.test:
        labels = _labels(hub, part)
        if len(part) and not np.isin(labels.astype(np.str_), ("", "-1")).all():
            return part, labels
    return None, None


def _named(hub: Hub, part: Any) -> pd.DataFrame:
    """A split as a frame, without its labels, class numbers as names."""
    frame = named_frame(part.to_pandas(), hub.where)
    for name, feature in part.features.items():
        names = _class_names(feature)
        if names is not None:
            frame[name] = [
                names[int(v)] if v is not None and v >= 0 else None for v in frame[name]
            ]  # NaN too is not >= 0
    return frame.drop(columns=[hub.target] if hub.target in frame.columns else [])


def _frame(hub: Hub, parts: list[Any]) -> pd.DataFrame:
    import pandas as pd

    return pd.concat([_named(hub, part) for part in parts], ignore_index=True)


def _form(hub: Hub, size: Size, signature: Signature | None) -> Form:
    """What the images are read as."""
    file, name = next(_files(hub, hub.train))
    if signature is not None:
        if size is not None:
            raise InputError(f"`size` {size}: the model settles the size of images; leave it out")
        return model_form(signature, hub.where, lambda: read_image(file, None, name))
    shape = target_shape(size)
    return Form(name, read_image(file, shape, name).shape, shape)


def _files(hub: Hub, parts: list[Any]) -> Iterator[tuple[Any, str]]:
    """What is in each image's file, or its path, and what to call it."""
    import datasets

    at = 0
    for part in parts:
        for row in part.select_columns([hub.image]).cast_column(hub.image, datasets.Image(decode=False)):
            name, image = f"{hub.where}: row {at}", row[hub.image]
            if image is None or (image["bytes"] is None and image["path"] is None):
                raise InputError(f"{name} has no image; remove the row")
            yield (io.BytesIO(image["bytes"]) if image["bytes"] is not None else image["path"]), name
            at += 1


def _images(hub: Hub, parts: list[Any], form: Form) -> Iterator[np.ndarray]:
    return (read_alike(file, form, name) for file, name in _files(hub, parts))


def _stacked(images: Iterator[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """[N, 1 or 3, H, W] uint8; the first image in colour makes all of them colour."""
    pixels = np.empty(shape, dtype=np.uint8)
    for i, image in enumerate(images):
        if image.shape[0] > pixels.shape[1]:
            pixels = np.repeat(pixels, 3, axis=1)
        pixels[i] = image
    return pixels
