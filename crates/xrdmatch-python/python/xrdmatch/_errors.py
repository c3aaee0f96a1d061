"""What can go wrong, with the text that the command line prints."""


class XrdmatchError(Exception):
    """Anything that this package raises on purpose."""


class DataError(XrdmatchError, ValueError):
    """Patterns, structures, scans or records are not what they should be."""


class SettingError(XrdmatchError, ValueError):
    """An argument or a setting makes no sense."""


class ModelError(XrdmatchError, ValueError):
    """A model is damaged, does not fit, or its training diverged."""


class FileError(XrdmatchError, OSError):
    """The system refused to read or write a file, or it is not there."""
