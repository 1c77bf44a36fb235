"""The science: stacked experts and gates, output rules, regularizers, decomposition metrics."""
