"""Speed and quality against references; each module writes one file in results/."""
