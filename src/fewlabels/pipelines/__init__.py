"""From data and names to models in use: pretraining and fine-tuning as one call each, and what is taken by default."""
