"""Where models logged by version 0.1.0 look for MLflow's way in; new ones name ``pyfunc``."""

from moe_search.pyfunc import _load_pyfunc

__all__ = ["_load_pyfunc"]
