"""`fewlabels pretrain DATA -o encoder/`"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from json import dumps, loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fewlabels.cli import options
from fewlabels.core.errors import InputError
from fewlabels.core.files import locked

if TYPE_CHECKING:
    from fewlabels.models import EncoderModel
    from fewlabels.pipelines.pretrain import Pretraining

LOCK = ".lock"

NAMED = 20
"""So many columns are named."""


def pretrain(
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the encoder.")],
    objective: Annotated[
        str | None,
        typer.Option(
            help="As in methods: contrastive, denoising, sparse/tied, denoising/greedy; docs/pretraining.md.",
            show_default="contrastive for images of more than 16 pixels a side, else denoising",
        ),
    ] = None,
    network: options.Network = "default",
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Of training, at most: most objectives end where validation no longer improves.",
            show_default="by the objective and the number of examples: 300 to 2,000",
        ),
    ] = None,
    size: options.Size = None,
    target: options.Target = None,
    ignore: options.Ignore = None,
    skip_broken: options.SkipBroken = False,
    flips: options.Flips = None,
    seed: options.Seed = 0,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    memory_format: options.MemoryFormat = "auto",
    threads: options.Threads = 1,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where the same command was stopped.")] = False,
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Pretrain an encoder on the examples of DATA. Labels, and a test set of its own, are not looked at.

    The weights of a training that was stopped and resumed are those of one that was not.
    """
    from fewlabels.cli import console

    with console.busy("starting"):
        import torch

        from fewlabels.data import load
        from fewlabels.data.classes import ClassWarning
        from fewlabels.models import CHECKPOINT, CONFIG, check_free, load_encoder, save_model
        from fewlabels.pipelines.defaults import PLANNING
        from fewlabels.pipelines.pretrain import plan_pretraining
        from fewlabels.training import progress_bar

    torch.set_num_threads(threads)
    checkpoint, others = out / CHECKPOINT, (CHECKPOINT, LOCK)
    finished = resume and (out / CONFIG).exists() and not checkpoint.exists()
    check_free(out, overwrite or finished, others)
    if checkpoint.exists() and not (resume or overwrite):
        raise InputError(
            f"{out}: holds a pretraining that was stopped; go on with --resume, or start anew with --overwrite"
        )
    with console.reading(data) as progress, warnings.catch_warnings():
        warnings.simplefilter("ignore", ClassWarning)
        dataset = load(data, size=size, target=target, ignore=ignore or (), progress=progress, skip_broken=skip_broken)
    with console.busy(PLANNING):
        planned = plan_pretraining(
            dataset,
            objective,
            network,
            steps=steps,
            seed=seed,
            device=device,
            precision=precision,
            memory_format=memory_format,
            flips=flips,
        )
    if finished:
        _tell(json, out, _same(load_encoder(out), planned, out))
        console.say(f"{out}: holds the finished encoder, nothing was left to resume")
        return
    checkpoints, total = planned.checkpoints(checkpoint), planned.job.recipe.steps
    with _alone_in(out):
        if resume:
            console.say(f"goes on from step {checkpoints.steps_done():,} of {total:,}")
        else:
            checkpoints.remove()
        try:
            with progress_bar(total, "pretraining") as bar:
                encoder = planned.carry_out(checkpoint, bar)
        except KeyboardInterrupt:
            if not checkpoints.exists():
                raise
            at = f"interrupted at step {checkpoints.steps_done():,} of {total:,}"
            console.say(f"{at}; the same command with --resume goes on from there")
            raise typer.Exit(console.INTERRUPTED) from None
        save_model(encoder, out, overwrite, others)
        checkpoints.remove()
    _tell(json, out, encoder)


def _same(encoder: EncoderModel, planned: Pretraining, folder: Path) -> EncoderModel:
    """The encoder. Raises InputError unless it is what the pretraining would end with."""
    from fewlabels.core.settings import to_json

    made_of = (dict(encoder.job), encoder.facts["data"]["sha256"])
    if made_of != (loads(dumps(to_json(planned.job))), planned.fingerprint):
        raise InputError(
            f"{folder}: holds a finished encoder of other settings or data; choose another folder with -o, or replace "
            "it: --overwrite without --resume"
        )
    return encoder


def _tell(as_json: bool, folder: Path, encoder: EncoderModel) -> None:
    from fewlabels.cli import console
    from fewlabels.core.progress import duration

    facts, names = encoder.facts["pretraining"], [column.name for column in encoder.signature.columns or ()]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    spread = facts.get("spread")  # none in encoders of before
    lines = [
        f"{encoder.latent_dim} codes of {encoder.signature}, by {facts['objective']}: {facts['steps']:,} steps in "
        f"{duration(facts['seconds'])} on {encoder.facts['data']['examples']:,} examples.",
        *([_spread(spread)] if spread else []),
        *([f"Columns: {', '.join(names[:NAMED])}{more}"] if names else []),
        f"Encoder: {folder}",
    ]
    console.tell(as_json, {"encoder": str(folder), "codes": encoder.latent_dim, **encoder.facts}, lines)


def _spread(spread: Mapping[str, Any]) -> str:
    from fewlabels.analysis import collapse

    if wrong := collapse(spread):
        return f"Collapsed: {wrong}, so classifiers can tell little by them; try other views or another objective."
    views = spread["alignment"] is not None and (
        f"; alignment {spread['alignment']:.2f}, uniformity {spread['uniformity']:.2f}"
    )
    return f"Effective rank {spread['effective_rank']:.1f}, {spread['dead']:.0%} of the codes dead{views or ''}."


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises InputError where another process has it."""

    def refuse() -> None:
        raise InputError(
            f"{folder}: another pretraining is writing here; wait for it to end, or choose another folder with -o"
        )

    try:
        with locked(folder / LOCK, refuse):
            yield
    finally:
        with suppress(OSError):
            folder.rmdir()  # where nothing came of it
