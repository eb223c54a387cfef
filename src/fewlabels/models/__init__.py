"""Models in use: pretraining and fine-tuning as one call each, saved folders, predictions, ONNX."""
