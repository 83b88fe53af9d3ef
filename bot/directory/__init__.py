"""Coaches and physiotherapists: who they are, where places are, and who fits a person's wishes."""
