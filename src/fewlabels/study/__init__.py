"""Plan, run, records, statistics, verdict: what makes a study honest. Knows nothing of HTML."""
