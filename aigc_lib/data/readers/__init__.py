"""Readers of data that come as files, one module per kind; a card names its reader."""
