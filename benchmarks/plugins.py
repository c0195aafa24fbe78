"""Problems and solvers from outside: a Python file that registers them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from problems import InputError


def load_plugin(path: str | Path) -> None:
    """Run the file at `path`, which registers its problems and solvers; a file already loaded is left alone.

    Raises:
        InputError: if there is no such file, or it cannot be run; the message holds the reason.

    """
    file = Path(path).resolve()
    name = f"debench_plugin_{file.stem}_{abs(hash(str(file)))}"
    if name in sys.modules:
        return
    if not file.is_file():
        raise InputError(f"plugin {path}: there is no such file")
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise InputError(f"plugin {path}: not a Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except InputError as error:
        del sys.modules[name]
        raise InputError(f"plugin {path}: {str(error).replace(name, str(path))}") from error
    except SyntaxError as error:
        del sys.modules[name]
        raise InputError(f"plugin {path}, line {error.lineno}: {error.msg}; mend the file and run again") from error
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise InputError(f"plugin {path}: {reason}; mend the file and run again") from error


def load_plugins(paths: Iterable[str | Path]) -> None:
    """Load each of `paths`."""
    for path in paths:
        load_plugin(path)
