"""The music studio: compose, continue, harmonise and vary pieces, see and hear them."""
