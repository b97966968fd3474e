"""The list envelope for any result shape."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, inline_serializer
from rest_framework import serializers

__all__ = ["PAGE_PARAMETERS", "paged", "text_parameters"]


def paged(name: str, item: type[serializers.Serializer[Any]], **more: serializers.Field[Any, Any, Any, Any]) -> Any:
    """Return the serializer of a page of `item`."""
    return inline_serializer(
        name=name,
        fields={
            "results": item(many=True),
            "next": serializers.CharField(allow_null=True, help_text="URL of the next page"),
            "count": serializers.IntegerField(),
            **more,
        },
    )


def text_parameters(*names: str, **described: str) -> list[OpenApiParameter]:
    """Return optional query parameters of type string."""
    return [OpenApiParameter(name, str, required=False) for name in names] + [
        OpenApiParameter(name, str, required=False, description=text) for name, text in described.items()
    ]


PAGE_PARAMETERS = [
    OpenApiParameter("page", int, required=False),
    OpenApiParameter("page_size", int, required=False, description="at most 500"),
]
