"""Data: one `Dataset` type, readers that return it, pools and label budgets."""

from fewlabels.core.files import cache_folder
from fewlabels.data.blocks import block_length, blocks, digests, save_shuffled, spans, write_npy_header
from fewlabels.data.budgets import check_budgets, default_budgets, draw_order, folds
from fewlabels.data.dataset import UNLABELLED, Column, Dataset, Signature
from fewlabels.data.load import examples_like, load, open_stream, to_dataset
from fewlabels.data.preprocessing import (
    CATEGORY,
    MISSING,
    NUMBER,
    Encoding,
    Preparation,
    Scaling,
    encoded,
    fit_encoding,
    fit_preparation,
    fit_scaling,
)
from fewlabels.data.readers.arrays import as_dataset
from fewlabels.data.readers.images import read_image_folder
from fewlabels.data.readers.named import NAMES, load_named
from fewlabels.data.readers.numpy_files import read_npz
from fewlabels.data.splits import Pools, count_test_duplicates, make_pools
from fewlabels.data.streams import Stream

__all__ = [
    "CATEGORY",
    "MISSING",
    "NAMES",
    "NUMBER",
    "UNLABELLED",
    "Column",
    "Dataset",
    "Encoding",
    "Pools",
    "Preparation",
    "Scaling",
    "Signature",
    "Stream",
    "as_dataset",
    "block_length",
    "blocks",
    "cache_folder",
    "check_budgets",
    "count_test_duplicates",
    "default_budgets",
    "digests",
    "draw_order",
    "encoded",
    "examples_like",
    "fit_encoding",
    "fit_preparation",
    "fit_scaling",
    "folds",
    "load",
    "load_named",
    "make_pools",
    "open_stream",
    "read_image_folder",
    "read_npz",
    "save_shuffled",
    "spans",
    "to_dataset",
    "write_npy_header",
]
