"""Readers of files of samples: arrays, images and tables."""
