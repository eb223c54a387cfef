"""Tables on disk, CSV, TSV and Parquet, into frames: whole, or some rows at a time."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fewlabels.core.errors import InputError
from fewlabels.core.files import require_file
from fewlabels.core.text import one_line
from fewlabels.data.bounds import require_memory
from fewlabels.data.dataset import Dataset, Signature
from fewlabels.data.readers.columns import check_names, is_missing_word, parsed, row_number
from fewlabels.data.readers.delimited import Header, open_text, read_header, records, require_whole_rows
from fewlabels.data.readers.frames import default_target, frame_dataset

if TYPE_CHECKING:
    import pandas as pd

TABLES = (".csv", ".tsv", ".parquet")

PIECES = 5000
"""Of more columns pandas is slow while each is an array of its own; a copy has one for each type."""

BYTES_OF_A_NUMBER = 24
"""As it is read, as it is kept, and as it is encoded."""

SMALLER = "give a sample of its rows or fewer columns, or save numbers with numpy.save, as a float32 .npy stays on disk"


def read_table(
    path: Path, *, target: str | None = None, ignore: Sequence[str] = (), signature: Signature | None = None
) -> Dataset:
    """The data set in a `.csv`, `.tsv` or `.parquet` file, all of it in memory; see `frame_dataset`.

    Raises InputError for a file that cannot be read, for labels of a text file that are numbers and words such as NA,
    and whatever `frame_dataset` refuses.
    """
    (frame,) = table_frames(path, None, texts_of(signature))
    if not _is_parquet(path):
        labels = default_target(list(frame.columns), ignore, signature) if target is None else target
        _check_labels(path, frame, labels)
    place = row_place(path)
    return frame_dataset(frame, path.stem, str(path), target=target, ignore=ignore, signature=signature, place=place)


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _check_labels(path: Path, frame: pd.DataFrame, target: str | None) -> None:
    """Raise InputError where labels are numbers but for words like NA: a class of that name, or no label?"""
    import pandas as pd

    if target not in frame.columns or not pd.api.types.is_string_dtype(frame[target].dtype):
        return
    values = np.asarray(frame[target].dropna().unique(), dtype=object)
    words = is_missing_word(values)
    if words.any() and not words.all() and not np.isnan(parsed(values[~words])).any():
        raise InputError(
            f"{path}: column {target!r} holds labels that are numbers, but also {values[words][0]!r}; leave it empty "
            "where an example is unlabelled, or give every class a name that is no number"
        )


def row_place(path: Path) -> Callable[[int], str]:
    """What people call a row of a table, counted from 0: by its line in a text file, by its number in Parquet."""

    def line(row: int) -> str:
        try:
            header = read_header(path)
            found = next(islice(records(path, header.delimiter), row + 1, None), None)
        except InputError:  # a field of more characters than it takes
            found = None
        return row_number(row) if found is None else f"line {found[0]}"

    return row_number if _is_parquet(path) else line


def texts_of(signature: Signature | None) -> frozenset[str]:
    """Names of the columns that hold categories: they are read as texts, so that 01 is not 1."""
    columns = () if signature is None or signature.columns is None else signature.columns
    return frozenset(column.name for column in columns if column.categories is not None)


def table_frames(
    path: Path, length: int | None, texts: frozenset[str], columns: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """The rows of a table, `length` at a time, or all in one frame; its index is of no meaning.

    texts: names of columns that are read as texts, whatever they look like.
    columns: names of those that are wanted; others may be left out.

    Raises InputError.
    """
    require_file(path)
    if _is_parquet(path):
        yield from _parquet_frames(path, length, columns)
    else:
        yield from _csv_frames(path, length, texts)


def _csv_frames(path: Path, length: int | None, texts: frozenset[str]) -> Iterator[pd.DataFrame]:
    """Columns without a name, such as the index that pandas writes, are left out.

    A decimal comma is understood where semicolons part the columns. Only an empty field is missing; what a word like
    NA means depends on what the column holds, so it stays.
    """
    import pandas as pd

    if length is None:
        size = path.stat().st_size
        require_memory(str(path), f"{size:,} bytes of text", 3 * size, SMALLER)
    header = read_header(path)
    _check_header(path, header)
    unnamed = [f"\n{i}" for i, name in enumerate(header.names) if not name]
    names = [name or f"\n{i}" for i, name in enumerate(header.names)]
    options: dict[str, Any] = {
        "sep": header.delimiter,
        "header": 0,
        "names": names,
        "index_col": False,
        "skipinitialspace": True,
        "keep_default_na": False,
        "na_values": [""],
        "low_memory": False,
        "dtype": dict.fromkeys(texts & set(names), str) or None,  # an empty one makes a Series of each column
    }
    checked, reader = False, None
    with open_text(path) as file:
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", pd.errors.DtypeWarning)
                    warnings.simplefilter("error", pd.errors.ParserWarning)  # the first rows are too long
                    reader = reader or pd.read_csv(file, iterator=True, **options)
                    frame = reader.read(length)
            except StopIteration:
                return
            except (pd.errors.ParserError, pd.errors.ParserWarning, OverflowError) as error:
                require_whole_rows(path, header)
                raise InputError(
                    f"{path}: cannot be read as a table ({one_line(error)}); save it again as CSV in UTF-8"
                ) from None
            if not checked and frame[names[-1]].isna().any():  # so it is where a row is cut short
                require_whole_rows(path, header)
                checked = True
            if len(names) > PIECES:
                frame = frame.copy()
            yield _decimal_commas(frame.drop(columns=unnamed) if unnamed else frame, header, texts)
            if length is None:
                return


def _check_header(path: Path, header: Header) -> None:
    names = [name for name in header.names if name]
    if not names:
        raise InputError(f"{path}: its first line names no columns; add a line of names")
    check_names(str(path), names)
    for name in names:
        if re.fullmatch(r"[-+]?\d*\.\d+(?:[eE][-+]?\d+)?", name):
            raise InputError(f"{path}: its first line holds the number {name}, not names; add a line of names")


def _decimal_commas(frame: pd.DataFrame, header: Header, texts: frozenset[str]) -> pd.DataFrame:
    """The frame with its columns of texts like 1,5 as numbers."""
    import pandas as pd

    if header.delimiter != ";":
        return frame
    for name in frame.columns:
        column = frame[name]
        if name in texts or not pd.api.types.is_string_dtype(column.dtype):
            continue
        texts_with_points = column.astype(object).str.replace(",", ".")
        numbers = pd.to_numeric(texts_with_points, errors="coerce")
        if (numbers.isna() == column.isna()).all():
            frame = frame.assign(**{name: numbers})
        elif (numbers.isna() == (column.isna() | is_missing_word(column.to_numpy(dtype=object)))).all():
            frame = frame.assign(**{name: texts_with_points})
    return frame


def _parquet_frames(path: Path, length: int | None, columns: Sequence[str] | None) -> Iterator[pd.DataFrame]:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        raise InputError(f'{path}: Parquet needs pyarrow; pip install "fewlabels[parquet]"') from None

    def frames() -> Iterator[pd.DataFrame]:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            check_names(str(path), names)
            if length is None:
                rows = file.metadata.num_rows
                found = f"{rows:,} rows of {len(names):,} columns"
                require_memory(str(path), found, BYTES_OF_A_NUMBER * rows * len(names), SMALLER)
                table = file.read()
                table.validate(full=True)  # pandas keeps texts as Arrow's, and would meet what is no UTF-8 later
                yield table.to_pandas()
                return
            asked = None if columns is None else set(columns)
            wanted = None if asked is None else [name for name in names if name in asked]
            for batch in file.iter_batches(batch_size=length, columns=wanted):
                batch.validate(full=True)
                yield batch.to_pandas()

    reader = frames()
    while True:
        try:
            frame = next(reader, None)
        except InputError:
            raise
        except Exception as error:  # damage surfaces as many types, by way of arrow, thrift, json and pandas
            reason = one_line(error)
            raise InputError(f"{path}: cannot be read as Parquet ({reason}); write the file again") from None
        if frame is None:
            return
        yield frame


def count_rows(path: Path) -> int | None:
    """Of a table, where the file says so without being read: Parquet does, CSV does not. Raises InputError."""
    if not _is_parquet(path):
        return None
    try:
        import pyarrow.parquet as pq

        rows: int = pq.read_metadata(path).num_rows
        return rows
    except Exception:  # whatever it is, reading says so in one line
        return None
