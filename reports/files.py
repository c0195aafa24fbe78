"""Writing what a report consists of: each file whole, or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path

from problems import InputError


def write(path: Path, text: str) -> Path:
    """Write a file in place of an earlier one, which stays as it is if that fails or is interrupted.

    Raises:
        InputError: if it cannot be written.

    """
    partial = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; make room, or name another place") from error
    finally:
        with contextlib.suppress(OSError):  # Where there is no folder, there is nothing left in it.
            partial.unlink()
    return path
