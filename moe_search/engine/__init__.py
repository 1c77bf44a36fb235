"""What makes the mixtures fast: populations trained in step, and the workers that do it."""
