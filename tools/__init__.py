"""What maintainers run: `make` calls these modules, `make help` lists the commands."""
