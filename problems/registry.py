"""Names of things: how a problem or a solver is found, and what to say when it is not.

A module of `problems/` or `backends/` (or a plugin file) puts its class on the shelf with `@problems.register` or
`@backends.register`; nothing else has to be edited.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Generic, TypeVar

from problems.parameters import InputError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Classes by their `name`; the public modules of `package` are imported when a name is first asked for."""

    def __init__(self, what: str, package: str) -> None:
        self.what = what
        self._package = package
        self._classes: dict[str, type[T]] = {}
        self._loaded = False

    def register(self, cls: type[T]) -> type[T]:
        """Class decorator: make `cls` known under `cls.name`.

        Raises:
            InputError: if another class already has that name.

        """
        name: str = cls.name  # type: ignore[attr-defined]
        known = self._classes.get(name)
        if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise InputError(f"two {self.what}s are called {name!r}; rename the one in {cls.__module__}")
        self._classes[name] = cls
        return cls

    def names(self) -> list[str]:
        """All known names, sorted."""
        self._load()
        return sorted(self._classes)

    def get(self, name: str) -> type[T]:
        """The class called `name`.

        Raises:
            InputError: if there is none, with the nearest known name.

        """
        self._load()
        if name not in self._classes:
            raise InputError(f"unknown {self.what} {name!r}; {did_you_mean(name, self._classes)}")
        return self._classes[name]

    def _load(self) -> None:
        if self._loaded:
            return
        self._loaded = True
        package = importlib.import_module(self._package)
        for module in pkgutil.iter_modules(package.__path__):
            if not module.name.startswith("_"):
                importlib.import_module(f"{self._package}.{module.name}")
