"""What is believed of configurations that were not trained, and of those that were."""
