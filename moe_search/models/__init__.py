"""What is done with a trained model: a file a verb."""
