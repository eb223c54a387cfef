"""Plan, runs, records on disk, the best method as a classifier: what makes a study honest."""
