"""Who gets another seed: in the search, and in the finals."""
