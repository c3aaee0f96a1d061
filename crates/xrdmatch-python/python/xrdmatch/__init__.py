"""Learns material properties from powder X-ray diffraction patterns with few labels.

The same library as the command ``xrdmatch``: results are equal bit by bit, errors have the same text.
Everything that takes long leaves the interpreter's lock alone and is ended by Ctrl-C.
"""

from ._classifier import XRDMatchClassifier
from ._errors import DataError, FileError, ModelError, SettingError, XrdmatchError
from ._functions import (
    config,
    explain,
    import_scans,
    presets,
    read_scan,
    read_scans,
    scan_to_pattern,
    screen,
    simulate,
)
from ._native import Dataset, Scan, __version__

__all__ = [
    "DataError",
    "Dataset",
    "FileError",
    "ModelError",
    "Scan",
    "SettingError",
    "XRDMatchClassifier",
    "XrdmatchError",
    "__version__",
    "config",
    "explain",
    "import_scans",
    "presets",
    "read_scan",
    "read_scans",
    "scan_to_pattern",
    "screen",
    "simulate",
]
