"""`/api/v1`: the management API of the dashboard and of tooling (DRF); its OpenAPI document is committed."""
