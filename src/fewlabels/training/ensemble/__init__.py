"""Many models trained at once: the mathematics of the loop on stacked parameters."""
