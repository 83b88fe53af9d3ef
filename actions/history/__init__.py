"""Onset history: how it began, told in one's own words and pace."""
