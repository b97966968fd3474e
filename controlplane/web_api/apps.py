"""Registration of the web_api room."""

from __future__ import annotations

from django.apps import AppConfig


class WebApiConfig(AppConfig):
    """See the room's docstring."""

    name = "controlplane.web_api"
    label = "web_api"
