"""What are labels worth, with pretraining and without? A curve over budgets, every point with its spread."""

from fewlabels import run_study

study = run_study(
    "digits",
    methods=["denoising+probe", "raw+probe"],  # codes of an autoencoder, and the pixels as control
    budgets=[10, 30, 100],  # numbers of labels; the same draws for both methods
    seeds=3,
    out="runs/label-efficiency",  # give the same call again, and it goes on where it stopped
    workers=1,
)

curve = study.to_frame().groupby(["method", "budget"]).accuracy.agg(["mean", "std", "count"])
print(curve.round(3))

for verdict in study.verdict().budgets:
    found = verdict.comparison
    points, low, high = (100 * x for x in (found.difference, found.interval.low, found.interval.high))
    print(f"{found.budget} labels: {points:+.1f} points, 95% interval {low:+.1f} to {high:+.1f}: {found.call}")

print(study.verdict().sentence)
print(f"the page for your readers: {study.report()}")
