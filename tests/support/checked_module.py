"""A plugin of pytest: the compiled reader is one whose accesses to memory are checked, built by a test."""

from __future__ import annotations

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location

_NAME = "dayfile.model.plain_lines"
_spec = spec_from_file_location("plain_lines", os.environ["DAYFILE_CHECKED_MODULE"])
assert _spec is not None
assert _spec.loader is not None
sys.modules[_NAME] = module_from_spec(_spec)
_spec.loader.exec_module(sys.modules[_NAME])
