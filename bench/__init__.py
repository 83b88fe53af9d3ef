"""Measurements of speed and of understanding; each module is a command."""
