"""How the tables of the image platform came about, one change after another."""
