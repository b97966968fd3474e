"""Rows to the dictionaries that `/api/v1` answers; one module per resource, same keys as `web_api.serializers`."""
