"""One page shape for every list of ours: `{"results", "next", "count"}`, by page number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

from wire.errors import Invalid

__all__ = ["MAX_PAGE_SIZE", "Page", "page_of"]

MAX_PAGE_SIZE = 500
DEFAULT_PAGE_SIZE = 100
M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """A slice of a query with what the client needs to go on. `next` is a page number or None."""

    rows: list[M]
    count: int
    next: int | None


def page_of(query: QuerySet[M], page: Any, page_size: Any = None) -> Page[M]:
    """Return one page of `query` in two queries. Raises Invalid when a number is not one."""
    number, size = _number("page", page, 1), min(_number("page_size", page_size, DEFAULT_PAGE_SIZE), MAX_PAGE_SIZE)
    count = query.count()
    start = (number - 1) * size
    rows = list(query[start : start + size])
    return Page(rows=rows, count=count, next=number + 1 if start + size < count else None)


def _number(name: str, value: Any, default: int) -> int:
    if value in (None, ""):
        return default
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise Invalid(f"{name} must be a number, not {value!r}") from None
    if not 1 <= number <= 1_000_000:
        raise Invalid(f"{name} must be between 1 and 1000000")
    return number
