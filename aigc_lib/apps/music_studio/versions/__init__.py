"""How the tables of the music studio came about, one change after another."""
