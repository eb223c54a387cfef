"""A progress bar for one training run: loss and examples a second."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from fewlabels.training.loop import Progress


@contextmanager
def progress_bar(steps: int, title: str = "training") -> Iterator[Progress]:
    """A bar on stderr, silent off a terminal: `with progress_bar(job.recipe.steps) as p: train(job, x, progress=p)`."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn(title),
        BarColumn(),
        TextColumn("step {task.completed:,.0f}/{task.total:,.0f}"),
        TextColumn("loss {task.fields[loss]:.4f}  {task.fields[speed]:,.0f} examples/s"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(title, total=steps, loss=float("nan"), speed=0.0)
        yield lambda done, loss, speed: bar.update(task, completed=done, loss=loss, speed=speed)
