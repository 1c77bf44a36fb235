"""moe-search: hyperparameter search for Mixture-of-Experts classifiers."""
