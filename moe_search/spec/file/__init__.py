"""study.yaml as people write it: read, checked, and explained where it is wrong."""
