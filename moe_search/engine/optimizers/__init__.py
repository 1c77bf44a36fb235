"""Optimizers that change every model of a population in one call: a file and a row each."""
