"""A stand-in for TensorFlow that lets Rasa 3.6 be imported without carrying 1.8 GB of it.

Rasa imports TensorFlow at start for its neural components (DIET, TED, ResponseSelector), which this project does not
use. Every name of this package is an inert class: it can be imported, subclassed, used in an annotation or as a
decorator. Calling one, which would mean computing, raises :class:`TensorFlowIsNotInstalled`.

The same distribution installs ``rasa_without_telemetry.pth``, which switches Rasa's usage and error reports off in
every Python of the environment, however Rasa is started; see docs/decisions/0001-python-3.12-without-tensorflow.md.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

__version__ = "2.12.0"

_ROOTS = ("tensorflow", "keras")
_DECORATORS = frozenset({"function", "custom_gradient", "register_keras_serializable"})


class TensorFlowIsNotInstalled(RuntimeError):
    """Something asked the stand-in to compute: a component that needs the real TensorFlow is in the pipeline."""


def _refuse(name: str) -> TensorFlowIsNotInstalled:
    return TensorFlowIsNotInstalled(
        f"{name} was called, but this project runs Rasa without TensorFlow. "
        "Take DIETClassifier, TEDPolicy, ResponseSelector and other neural components out of config.yml."
    )


class _InertType(type):
    """Metaclass of every placeholder: attributes are further placeholders, calls of the placeholder itself raise."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _placeholder(f"{cls.__qualname__}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        raise _refuse(cls.__qualname__)


def _decorator(*args: Any, **kwargs: Any) -> Any:
    """Return the decorated function unchanged, with or without decorator arguments."""
    if len(args) == 1 and not kwargs and callable(args[0]):
        return args[0]
    keep: Callable[[Any], Any] = lambda decorated: decorated  # noqa: E731
    return keep


def _placeholder(qualified: str) -> Any:
    if qualified.rsplit(".", 1)[-1] in _DECORATORS:
        return _decorator
    return _InertType(qualified.rsplit(".", 1)[-1], (), {"__qualname__": qualified, "__module__": "tensorflow"})


def _module_getattr(module: str) -> Callable[[str], Any]:
    def __getattr__(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = _placeholder(f"{module}.{name}")
        setattr(sys.modules[module], name, value)
        return value

    return __getattr__


class _InertFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes every ``tensorflow.x.y`` and ``keras.x.y`` importable as an empty module of placeholders."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname.split(".")[0] in _ROOTS and "." in fullname:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = _module_getattr(module.__name__)  # type: ignore[method-assign]


sys.meta_path.append(_InertFinder())
__getattr__ = _module_getattr(__name__)
