"""Output rules: how the gate's distribution and the experts' outputs become the model's."""
