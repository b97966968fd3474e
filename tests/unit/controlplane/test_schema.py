"""What is committed is what the code says: migrations and the OpenAPI document."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.management import call_command

from controlplane.web_api.management.commands.export_openapi import document


def test_openapi_document_is_up_to_date() -> None:
    committed = settings.BASE_DIR / "frontend" / "openapi.json"
    assert committed.read_text() == document(), "run manage.py export_openapi"


@pytest.mark.django_db
def test_migrations_are_up_to_date() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
