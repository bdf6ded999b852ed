"""How the common tables of the projects came about, one change after another."""
