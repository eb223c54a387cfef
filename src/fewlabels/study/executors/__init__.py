"""Who carries out the batches of a study, and where."""
