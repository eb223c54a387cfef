"""Data: one `Dataset` type, readers that return it, pools and label budgets."""

from fewlabels.data.blocks import block_length, blocks, spans, write_npy_header
from fewlabels.data.budgets import check_budgets, default_budgets, draw_order, folds
from fewlabels.data.dataset import UNLABELLED, Dataset
from fewlabels.data.digests import digests
from fewlabels.data.encoding import CATEGORY, MISSING, NUMBER, Encoding, fit_encoding
from fewlabels.data.given import examples_like, to_dataset
from fewlabels.data.load import load
from fewlabels.data.places import cache_folder
from fewlabels.data.preprocessing import Preparation, encoded, fit_preparation
from fewlabels.data.readers.arrays import as_dataset
from fewlabels.data.readers.images import read_image_folder
from fewlabels.data.readers.named import NAMES, load_named
from fewlabels.data.readers.numpy_files import read_npz
from fewlabels.data.scaling import Scaling, fit_scaling
from fewlabels.data.shuffled import save_shuffled
from fewlabels.data.signature import Column, Signature
from fewlabels.data.splits import Pools, count_test_duplicates, make_pools
from fewlabels.data.streams import Stream, open_stream

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
