"""Compiled operations, each with its plain form beside it; nothing here knows of moe-search."""
