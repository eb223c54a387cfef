"""Pretraining and fine-tuning as one call each: from data and names to models in use."""

from fewlabels.pipelines.finetune import TRANSFERS, finetune
from fewlabels.pipelines.pretrain import plan_pretraining, pretrain

__all__ = ["TRANSFERS", "finetune", "plan_pretraining", "pretrain"]
