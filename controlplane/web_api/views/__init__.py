"""Views of `/api/v1`, one module per resource. Each declares the `accounts.access` action of each of its methods."""
