"""What tests share, by what it gives."""
