"""How the tables of the service desk came about, one change after another."""
