"""Terms of the regularizer: what is added to the loss, each with a weight of its own."""
