"""Whole projects made of the library: what a business would put to use."""
