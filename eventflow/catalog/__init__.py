"""Turns documents into models, or into a list of problems with their places."""
