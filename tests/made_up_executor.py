"""An executor of somebody else's: every run in this process, one after the other."""

from __future__ import annotations

from fewlabels.core.errors import FewlabelsError, IntegrityError
from fewlabels.study.runner import Runner


class InThisProcess:
    workers = 1

    def run(self, materials, groups):
        runner = Runner(materials)
        for run in (run for batches in groups.values() for batch in batches for run in batch):
            try:
                answer = runner.carry_out(run)
            except IntegrityError:
                raise
            except FewlabelsError as error:
                answer = error
            yield run, answer
