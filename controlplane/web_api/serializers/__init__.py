"""Shapes of `/api/v1` for checking input and for the OpenAPI document, one module per resource.

Output is built as plain dictionaries by `web_api.shapes` (fast, one query); a test holds the two to the same keys.
"""
