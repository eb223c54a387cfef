"""A made-up study: records as `fewlabels study` writes them, with figures that agree with one another."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fewlabels.metrics.verdict import Verdict, judge, pack_hits

Record = dict[str, Any]

METHODS = [
    # name, label, pretrained, source, transfer, accuracy at the first budget, at the last
    ("denoising+finetune", "denoising pretraining, fine-tuned", True, "denoising", "finetune", 0.60, 0.95),
    (
        "variational+probe",
        "variational pretraining, frozen, linear probe",
        True,
        "variational",
        "probe",
        0.57,
        0.86,
    ),
    ("scratch", "same network from scratch", False, "random", "finetune", 0.42, 0.945),
    ("raw+logistic", "raw features, logistic regression", False, "none", "logistic", 0.50, 0.90),
]
N_TEST = 400
VARIANTS = [
    ("reconstruction/linear+probe", "linear reconstruction, probe", True, "reconstruction/linear", "probe", 0.5, 0.9),
    ("reconstruction/greedy+probe", "greedy reconstruction, probe", True, "reconstruction/greedy", "probe", 0.6, 0.9),
]
"""More methods: a linear encoder aligned with PCA, and one trained layer by layer."""


@dataclass
class Study:
    manifest: Record
    runs: list[Record]
    encoders: list[Record]
    pictures: np.ndarray = field(repr=False)
    """The first encoder's original images, [N, C, H, W] uint8."""

    def verdict(self) -> Verdict:
        names = {
            side: [m["name"] for m in self.manifest["methods"] if m["pretrained"] is side] for side in (True, False)
        }
        return judge(self.runs, names[True], names[False], self.manifest["dataset"]["name"])


def build(
    *,
    name: str = "digits",
    classes: tuple[str, ...] = tuple("0123456789"),
    budgets: tuple[int, ...] = (10, 30, 300),
    seeds: int = 5,
    methods: Sequence[tuple[Any, ...]] = METHODS,
    shape: tuple[int, int, int] = (1, 8, 8),
) -> Study:
    rng = np.random.default_rng(7)
    names = ["name", "label", "pretrained", "source", "transfer"]
    manifest = {
        "format": 1,
        "dataset": {
            "name": name,
            "fingerprint": "9f" * 32,
            "shape": list(shape),
            "classes": list(classes),
            "examples": 1797,
            "test_duplicates": 0,
        },
        "pools": {
            pool: {"size": size, "sha256": f"{size:x}" * 20}
            for pool, size in {"unlabelled": 898, "labelled": 449, "test": N_TEST}.items()
        },
        "transductive": False,
        "methods": [dict(zip(names, method, strict=False)) for method in methods],
        "budgets": list(budgets),
        "seeds": list(range(seeds)),
        "draw": "stratified",
        "pretraining": "per seed",
        "settings": {"network": {"kind": "small_cnn", "latent_dim": 32}, "steps": 2000, "lr": [0.001, 0.003]},
        "command": f"fewlabels study {name}",
        "started": "2026-11-20T10:00:00+00:00",
        "versions": {"fewlabels": "0.1.0", "python": "3.11.7", "torch": "2.13.0"},
        "machine": "Intel Xeon, 2 cores",
    }
    runs = [
        _run(rng, method=method, budget=budget, seed=seed, budgets=budgets, k=len(classes))
        for method in methods
        for budget in budgets
        for seed in range(seeds)
    ]
    sources = list(dict.fromkeys(m[3] for m in methods if m[2]))
    pictures = _pictures(rng, shape)
    encoders = [_encoder(rng, source, seed, pictures) for source in sources for seed in range(seeds)]
    return Study(manifest, runs, encoders, pictures)


def _run(
    rng: np.random.Generator,
    *,
    method: tuple[Any, ...],
    budget: int,
    seed: int,
    budgets: tuple[int, ...],
    k: int,
) -> Record:
    name, _, pretrained, source, transfer, first, last = method
    share = math.log(budget / budgets[0]) / math.log(budgets[-1] / budgets[0])
    expected = first + (last - first) * share + 0.02 * math.sin(seed) + 0.008 * rng.standard_normal()
    true = np.arange(N_TEST) % k
    hits = rng.permutation(N_TEST) < round(expected * N_TEST)
    predicted = np.where(hits, true, (true + rng.integers(1, max(2, min(4, k)), N_TEST)) % k)
    confusion = np.zeros((k, k), dtype=int)
    np.add.at(confusion, (true, predicted), 1)
    trained, steps = transfer == "finetune", list(range(0, 200, 2))
    estimate = expected + 0.03 * rng.standard_normal()
    return {
        "kind": "run",
        "method": name,
        "budget": budget,
        "seed": seed,
        "status": "ok",
        "accuracy": float(hits.mean()),
        "log_loss": 0.31,
        "n_test": N_TEST,
        "hits": pack_hits(hits),
        "confusion": confusion.tolist(),
        "validation": None if budget == 10 else {"accuracy": estimate, "log_loss": 0.4, "folds": 3},
        "setting": {"lr": 0.003},
        "trials": [{"setting": {"lr": lr}, "accuracy": 0.8, "log_loss": 0.5} for lr in (0.001, 0.003, 0.01)],
        "seconds": {"pretraining": 12.1 if pretrained else 0.0, "tuning": 3.0, "transfer": 1.25},
        "parameters": {"total": 12000, "trained": 12000 if trained else 330, "pretraining": 25000 * pretrained},
        "encoder": f"{source}-{seed}" if pretrained else None,
        "labels": "ab" * 32,
        "integrity": ["frozen encoder unchanged"] if pretrained and not trained else [],
        "curve": {"step": steps, "loss": [2.3 * math.exp(-s / 60) for s in steps]} if trained else None,
        "device": "cpu",
        "threads": 1,
        "versions": {"torch": "2.13.0"},
    }  # fmt: skip


def failed_run(method: str, budget: int, seed: int, error: str) -> Record:
    return {
        "kind": "run",
        "method": method,
        "budget": budget,
        "seed": seed,
        "status": "failed",
        "error": error,
    }


def _encoder(rng: np.random.Generator, source: str, seed: int, pictures: np.ndarray) -> Record:
    """A greedy source has phases, a variational one generates samples, a linear one is aligned with PCA."""
    steps = list(range(0, 2000, 5))
    loss = [0.03 + 0.2 * math.exp(-s / 300) + 0.004 * float(rng.standard_normal()) for s in steps]
    return {
        "kind": "encoder",
        "key": f"{source}-{seed}",
        "source": source,
        "seed": seed,
        "seconds": 12.1,
        "cached": source == "denoising",
        "parameters": 25000,
        "history": {
            "step": steps,
            "loss": loss,
            "validation_step": steps[::20],
            "validation_loss": [value + 0.01 for value in loss[::20]],
            "best_step": 1900,
            "terms": {
                "reconstruction": [0.9 * value for value in loss],
                "penalty": [0.1 * value for value in loss],
            },
            "watched": "loss",
            "phases": [[0, "layer 1"], [500, "layer 2"], [1000, "joint"]] if source.endswith("/greedy") else [],
        },
        "error": None if source == "variational" else {"training": 0.0123, "validation": 0.0456},
        "images": _images(rng, source, pictures),
        "alignment": _alignment(seed, pictures.shape[1:]) if source.endswith("/linear") else None,
    }


def _images(rng: np.random.Generator, source: str, pictures: np.ndarray) -> Record:
    """Reconstructions that clear up step by step."""
    noise = 60 * rng.standard_normal(pictures.shape)
    at = [0, 20, 60, 200, 600, 1999]
    frames = [np.clip(pictures + noise * 2 ** (1 - i), 0, 255).astype(np.uint8) for i in range(len(at))]
    return {
        "shape": list(pictures.shape[1:]),
        "original": _encode(pictures),
        "input": _encode(frames[1]) if source == "denoising" else None,
        "reconstructed": _encode((0.85 * pictures + 12).astype(np.uint8)),
        "shows": "samples" if source == "variational" else "reconstructions",
        "strip": {"step": at, "frames": [_encode(frame) for frame in frames]},
    }


def _alignment(seed: int, shape: tuple[int, ...]) -> Record:
    """Four waves, and the same turned a little; PCA's error is 0.02."""
    y, x = np.mgrid[0 : shape[1], 0 : shape[2]] / max(shape[1:])
    waves = np.stack([np.tile(np.sin(math.pi * (i + 1) * (x + i * y)), (shape[0], 1, 1)) for i in range(4)])
    shares = [0.4, 0.2, 0.1, 0.05]
    return {
        "angles": [0.1, 0.5, 2.0 + seed, 12.5 + seed],
        "explained": [share - 0.01 for share in shares],
        "pca_explained": shares,
        "error": 0.025,
        "pca_error": 0.02,
        "shape": list(shape),
        "components": _encode((128 + 127 * waves).astype(np.uint8)),
        "directions": _encode((128 + 100 * waves).astype(np.uint8)),
    }


def _pictures(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    channels, height, width = shape
    y, x = np.mgrid[0:height, 0:width]
    rings = []
    for _ in range(8):
        cy, cx, radius = (
            rng.uniform(0.35, 0.65) * height,
            rng.uniform(0.35, 0.65) * width,
            rng.uniform(0.2, 0.4) * height,
        )
        ring = 255 * np.exp(-((np.hypot(y - cy, x - cx) - radius) ** 2) / (0.02 * height * width))
        rings.append(np.stack([np.roll(ring, channel, axis=1) for channel in range(channels)]))
    return np.stack(rings).astype(np.uint8)


def _encode(images: np.ndarray) -> list[str]:
    return [base64.b64encode(image.tobytes()).decode() for image in images]


def many_methods(pretrained: int, controls: int) -> list[tuple[Any, ...]]:
    """As many as `--methods all` brings: three ways of transfer for each source, and controls."""
    kinds = ["denoising", "variational", "reconstruction/linear", "reconstruction/greedy"]
    sources = [*kinds, *(f"objective {i}/tied" for i in range(pretrained))]
    ways = [("probe", "linear probe"), ("finetune", "fine-tuned"), ("mlp", "MLP head")]
    trained = [
        (f"{source}+{way}", f"{source} pretraining, {words}", True, source, way, 0.5 + 0.002 * i, 0.93)
        for i, source in enumerate(sources)
        for way, words in ways
    ]
    rest = [(f"control {i}", f"control number {i}", False, "raw", "probe", 0.4, 0.92) for i in range(controls)]
    return [*trained[:pretrained], *rest]
