"""What a study leaves behind for people: MLflow runs and models, pages of Optuna's dashboard."""

import moe_search.stores  # noqa: F401  (sets what MLflow looks for while it is imported)
