"""How `make docs` builds the guide and the API reference: nothing is fetched, and warnings are errors."""

import re

import fewlabels

project = "fewlabels"
author = "The fewlabels authors"
project_copyright = "2026, The fewlabels authors"
version = release = fewlabels.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
myst_heading_anchors = 3
default_role = "py:obj"  # `name` in a docstring is a link where it can be one, and code where not

autodoc_member_order = "groupwise"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False  # of torch and scikit-learn
python_maximum_signature_line_length = 100
numpydoc_show_class_members = False
numpydoc_validation_checks = {"GL06", "GL07", "PR02", "PR03"}  # what is said must be true

html_theme = "furo"
html_title = f"fewlabels {release}"
html_copy_source = False


def _escape_stars(app, what, name, obj, options, lines):
    """`[B, *shape]` is no emphasis."""
    lines[:] = [re.sub(r"(?<![\w*])\*(?=[a-z])", r"\\*", line) for line in lines]


def _name_defaults(app, what, name, obj, options, signature, returns):
    """A default made by a factory, which no parser of signatures knows."""
    return signature and signature.replace("<factory>", "..."), returns


def setup(app):
    app.connect("autodoc-process-signature", _name_defaults)
    app.connect("autodoc-process-docstring", _escape_stars)
