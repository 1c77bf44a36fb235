"""The data sets: one file a set, each with its reader."""
