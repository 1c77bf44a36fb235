"""Steps of optimizers as one compiled operation each."""
