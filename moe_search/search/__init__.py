"""The search: one coordinator over Optuna, workers, and the finals."""
