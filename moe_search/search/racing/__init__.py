"""Races over seeds: who gets more of them, in the search and in the finals."""
