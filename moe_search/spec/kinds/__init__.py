"""The open sets that study.yaml chooses from: each member declares itself in one row."""
