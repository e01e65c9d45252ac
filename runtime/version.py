"""Which software runs here."""

from __future__ import annotations

import importlib.metadata
import platform


def version() -> str:
    """The version of fieldswarm, or `unknown` in a checkout that was never installed."""
    return _version_of("fieldswarm")


def onboard_versions() -> dict[str, str]:
    """Versions of everything that takes part in a control tick."""
    packages = ("fieldswarm", "numpy", "onnxruntime", "pyzmq", "msgspec")
    return {"python": platform.python_version(), **{package: _version_of(package) for package in packages}}


def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
