"""What fewlabels costs, measured beside what people would otherwise run: `python -m benchmarks`.

A file a row. Its `run(effort)` yields `Row`s; `__main__.ROWS` names the files. An arm is a way of doing the work; the
arms of a row take turns, A B A B, so that a machine that slows down slows all of them down.
"""
