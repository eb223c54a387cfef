"""A made-up study: records as `fewlabels study` writes them, with figures that agree with one another."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fewlabels.study.hits import pack_hits
from fewlabels.study.verdict import Verdict, judge

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
    methods: list[tuple[Any, ...]] = METHODS,
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
        "parameters": {"total": 12000, "trained": 12000 if trained else 330},
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
    steps = list(range(0, 2000, 5))
    loss = [0.03 + 0.2 * math.exp(-s / 300) + 0.004 * float(rng.standard_normal()) for s in steps]
    noisy = np.clip(pictures + 60 * rng.standard_normal(pictures.shape), 0, 255).astype(np.uint8)
    smooth = (0.85 * pictures + 12).astype(np.uint8)
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
            "terms": {
                "reconstruction": [0.9 * value for value in loss],
                "penalty": [0.1 * value for value in loss],
            },
        },
        "images": {
            "shape": list(pictures.shape[1:]),
            "original": _encode(pictures),
            "input": _encode(noisy) if source == "denoising" else None,
            "reconstructed": _encode(smooth),
        },
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
