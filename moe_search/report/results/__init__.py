"""What a study found, as plain data read off its stores."""
