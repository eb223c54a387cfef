"""`fewlabels evaluate CLASSIFIER DATA`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fewlabels.cli import options
from fewlabels.core.errors import InputError


def evaluate(
    classifier: options.Classifier,
    data: options.Data,
    labels: options.Labels = None,
    target: options.Target = None,
    fold_case: options.FoldCase = False,
    min_per_class: options.MinPerClass = 1,
    skip_broken: options.SkipBroken = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with all figures and plots there.", show_default="none")
    ] = None,
    device: options.Device = "auto",
    overwrite: options.Overwrite = False,
    json: options.Json = False,
) -> None:
    """Measure CLASSIFIER on labelled examples.

    They are the test set of DATA where it has one, else all its labelled examples. Those whose labels the classifier
    was trained on are left out.
    """
    from fewlabels.cli import console
    from fewlabels.cli.evaluation_text import print_evaluation
    from fewlabels.core.files import check_new, replacing
    from fewlabels.data import load
    from fewlabels.metrics.classification import evaluate
    from fewlabels.models import load_classifier, on_device, unknown_categories, unseen_examples
    from fewlabels.training import choose_device

    if report is not None:
        check_new(report, overwrite)
    model = on_device(load_classifier(classifier), choose_device(device))
    with console.reading(data) as progress:
        dataset = load(
            data,
            labels=labels,
            target=target,
            fold_case=fold_case,
            min_per_class=min_per_class,
            signature=model.signature,
            progress=progress,
            skip_broken=skip_broken,
        )
    chosen = unseen_examples(model, dataset)
    found = evaluate(model.log_proba(chosen.x), chosen.y, model.classes)
    facts = {"classifier": str(classifier), "data": data, "examples": chosen.words}
    unknown = unknown_categories(model, chosen.x)
    console.say_unknown(unknown, len(chosen.x))
    failed = None
    if report is not None:
        from fewlabels.report.evaluation_page import render_evaluation

        try:
            with replacing(report) as file:
                file.write(render_evaluation(found, f"{classifier.name} on {dataset.name}", facts).encode())
        except InputError as error:  # the figures need not be lost with the page
            failed, report = error, None
    if json:
        console.tell(
            True,
            {
                "classifier": str(classifier),
                "data": data,
                "left_out": chosen.left_out,
                **found.as_json(),
                "unknown_categories": unknown,
                "report": None if report is None else str(report),
            },
            [],
        )
    else:
        print_evaluation(found)
        console.tell(False, {}, ["", chosen.words, *([] if report is None else [f"Report: {report}"])])
    if failed is not None:
        raise failed
