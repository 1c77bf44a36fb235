"""The model a user takes away: two files, without pickle, and how they open."""
