"""IDX, the file format of MNIST and its relatives: http://yann.lecun.com/exdb/mnist.

Two zero bytes, a type byte, the number of dimensions, each dimension as a big-endian uint32, then the values.
"""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from fewlabels.core.errors import InputError

MAX_BYTES = 1 << 30
MAX_DIMENSIONS = 4
_CHUNK = 1 << 20
_UINT8 = 0x08
_OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
_REMEDY = "get the file again"


def read_idx(data: bytes | bytearray, what: str) -> np.ndarray:
    """The uint8 array in the bytes of one IDX file, shaped as its header declares; `what` names it in errors.

    The array is writable and shares memory with `data` where `data` is a bytearray.

    Raises InputError for a wrong magic number, a type other than uint8, a zero dimension, and a length that
    is not exactly the declared one; the declared size is compared with the real one before anything is
    allocated.
    """
    if len(data) < 4:
        raise InputError(
            f"{what}: {len(data)} bytes are too few for an IDX file, which starts with 4 of header; {_REMEDY}"
        )
    if data[0] != 0 or data[1] != 0:
        raise InputError(
            f"{what}: starts with {bytes(data[:4]).hex(' ')}, an IDX file of uint8 starts with 00 00 08; it "
            f"is of another format or damaged, {_REMEDY}"
        )
    kind, ndim = data[2], data[3]
    if kind != _UINT8:
        found = f"the values are {_OTHER_TYPES[kind]}" if kind in _OTHER_TYPES else f"unknown value type {kind:#04x}"
        raise InputError(f"{what}: {found}, only uint8 (0x08) is read; convert the values or {_REMEDY}")
    if not 1 <= ndim <= MAX_DIMENSIONS:
        raise InputError(f"{what}: declares {ndim} dimensions, allowed are 1 to {MAX_DIMENSIONS}; {_REMEDY}")
    start = 4 + 4 * ndim
    if len(data) < start:
        raise InputError(f"{what}: ends within its header, at byte {len(data)} of {start}; {_REMEDY}")
    shape = struct.unpack_from(f">{ndim}I", data, 4)
    size = math.prod(shape)  # Python's whole numbers: no overflow
    if size == 0:
        raise InputError(f"{what}: declares the shape {shape}, in which a dimension is zero; {_REMEDY}")
    if len(data) != start + size:
        kind_of = "truncated" if len(data) < start + size else "too long"
        raise InputError(
            f"{what}: {kind_of}, its shape {shape} needs {start + size} bytes and it has {len(data)}; {_REMEDY}"
        )
    values = np.frombuffer(data, dtype=np.uint8, offset=start).reshape(shape)
    return values if values.flags.writeable else values.copy()


def gunzip(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES, what: str | None = None) -> bytearray:
    """The decompressed bytes of a gzip file, at most `max_bytes`; `what` (default: the path) names it.

    Raises InputError when the file is missing, unreadable or corrupt, or holds more than `max_bytes`;
    decompression stops there.
    """
    what = what or str(path)
    data = bytearray()
    try:
        with gzip.open(Path(path), "rb") as file:
            while chunk := file.read(min(_CHUNK, max_bytes + 1 - len(data))):
                data += chunk
                if len(data) > max_bytes:
                    raise InputError(
                        f"{what}: decompresses to more than the {max_bytes} bytes allowed here; it is "
                        f"another file or damaged, {_REMEDY}"
                    )
    except FileNotFoundError:
        raise InputError(f"{what}: no such file; check the path") from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{what}: corrupt or truncated gzip file ({error}); {_REMEDY}") from error
    except OSError as error:
        raise InputError(
            f"{what}: cannot be read ({error.strerror or error}); check the path and its rights"
        ) from error
    return data
