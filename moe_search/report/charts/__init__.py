"""Charts of a report, a figure a file."""
