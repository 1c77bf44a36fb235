"""Optimizers that change every model of a population in one call."""
