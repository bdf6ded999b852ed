"""Data that the project makes itself, from formulas and grammars, with a seed."""
