"""Layers of stacked networks: a layer is a file here and a row in spec/kinds."""
