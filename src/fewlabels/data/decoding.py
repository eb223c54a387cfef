"""Image files decoded in parallel, by processes of one thread each."""

from __future__ import annotations

import os
import pickle
import queue
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from itertools import islice

import numpy as np

from fewlabels.core.errors import FewlabelsError, InputError
from fewlabels.core.processes import available_cores, start_python, stop
from fewlabels.data.readers.image_decoding import Form, read_alike


class Decoder:
    """A process that decodes lists of files, spoken to in pickles; it ends when its input closes."""

    def __init__(self) -> None:
        self._process = start_python("-c", "from fewlabels.data.decoding import main; main()")

    def __call__(self, paths: list[str], form: Form) -> np.ndarray:
        """[B, 1 or 3, H, W] uint8. Raises InputError for the first file that cannot be read."""
        import PIL.Image

        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((paths, form, PIL.Image.MAX_IMAGE_PIXELS), self._process.stdin)
            self._process.stdin.flush()
            answer = pickle.load(self._process.stdout)
        except (EOFError, OSError, ValueError, pickle.UnpicklingError):
            raise FewlabelsError(
                f"the process that decodes images died (exit code {self._process.wait()}); what it printed stands "
                "above; do the same again to go on"
            ) from None
        if isinstance(answer, InputError):
            raise answer
        return answer

    def stop(self) -> None:
        stop(self._process)


def decoded(lists: Iterable[list[str]], form: Form, processes: int | None = None) -> Iterator[np.ndarray]:
    """For each list of files, in order, [B, 1 or 3, H, W] uint8; decoded ahead by so many processes, one a core.

    Raises InputError for the first file that cannot be read.
    """
    processes = processes or available_cores()
    idle: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
    decoders = [Decoder() for _ in range(processes)]
    for decoder in decoders:
        idle.put(decoder)

    def decode(paths: list[str]) -> np.ndarray:
        decoder = idle.get()
        try:
            return decoder(paths, form)
        finally:
            idle.put(decoder)

    threads = ThreadPoolExecutor(processes)
    todo = iter(lists)
    try:
        ahead: deque[Future[np.ndarray]] = deque(threads.submit(decode, paths) for paths in islice(todo, 2 * processes))
        while ahead:
            block = ahead.popleft().result()
            for paths in islice(todo, 1):
                ahead.append(threads.submit(decode, paths))
            yield block
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for decoder in decoders:
            decoder.stop()


def decode_all(paths: list[str], form: Form) -> np.ndarray:
    """[B, 1 or 3, H, W] uint8; the first colour image widens the array, unless its form is fixed. Raises InputError."""
    pixels = np.empty((len(paths), *form.shape), dtype=np.uint8)
    for i, path in enumerate(paths):
        image = read_alike(path, form)  # [1 or 3, H, W]
        if image.shape[0] > pixels.shape[1]:
            pixels = np.repeat(pixels, 3, axis=1)
        pixels[i] = image
    return pixels


def main() -> None:
    """What a process runs: lists of files come in, pixels go out; it ends when its input closes."""
    import PIL.Image

    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not mix with the answers
    with suppress(EOFError, BrokenPipeError):
        while True:
            paths, form, PIL.Image.MAX_IMAGE_PIXELS = pickle.load(sys.stdin.buffer)
            answer: np.ndarray | InputError
            try:
                answer = decode_all(paths, form)
            except InputError as error:
                answer = InputError(str(error))  # without its cause, which may not travel
            pickle.dump(answer, answers, protocol=pickle.HIGHEST_PROTOCOL)
            answers.flush()
