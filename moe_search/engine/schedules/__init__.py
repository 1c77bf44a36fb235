"""Schedules of the learning rate: a file and a row each."""
