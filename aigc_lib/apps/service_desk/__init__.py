"""A customer-service assistant that quotes its sources, and hands over to people."""
