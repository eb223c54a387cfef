"""Records of a study -> one self-contained HTML page: see `fewlabels.report.study_page.render`."""
