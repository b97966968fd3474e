"""Django settings. `MOORING_ENV` picks the module (`production` by default); everything else comes from `MOORING_*`."""

import os
from importlib import import_module

_chosen = import_module(f"controlplane.settings.{os.environ.get('MOORING_ENV', 'production')}")
globals().update({name: getattr(_chosen, name) for name in dir(_chosen) if name.isupper()})
