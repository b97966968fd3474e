"""Exec request shapes of the Engine API."""

from __future__ import annotations

from msgspec import UNSET, UnsetType, field

from wire.engine.shape import Shape

__all__ = ["ExecCreateRequest", "ExecStartRequest"]


class ExecCreateRequest(Shape):
    """Body of `POST /containers/{id}/exec`. `console_size` is (rows, columns)."""

    user: str = ""
    privileged: bool = False
    tty: bool = False
    console_size: list[int] | UnsetType | None = UNSET
    attach_stdin: bool = False
    attach_stderr: bool = False
    attach_stdout: bool = False
    detach: bool = False
    detach_keys: str = ""
    env: list[str] | None = None
    working_dir: str = ""
    cmd: list[str] | None = None


class ExecStartRequest(Shape):
    """Body of `POST /exec/{id}/start`."""

    detach: bool = False
    tty: bool = False
    console_size: list[int] | None = field(default=None)
