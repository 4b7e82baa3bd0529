"""Strategies propose candidates; they never decide and never import one another."""
