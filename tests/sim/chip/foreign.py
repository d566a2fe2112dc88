"""Programs of other authors that some tests need."""

import os
import shutil
from pathlib import Path

import pytest


def missing(what):
    """Skip the test, and say what to install; under CI=true that is a failure."""
    message = f"needs {what}"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def program(name, package):
    """The path of a program of a Debian package."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")
    return found or missing(f"Debian's package {package}")


def file(path, package):
    """A file of a Debian package."""
    return path if Path(path).exists() else missing(f"Debian's package {package}")
