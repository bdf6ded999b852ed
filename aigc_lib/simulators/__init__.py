"""Made-up worlds, each from a seed, whose truth is known: what real data never tell."""
