"""Pure functions that measure what a generative model makes; one module per kind."""
