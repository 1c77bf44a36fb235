"""What people read of a study: tables, pages, progress; and what they take away of it."""
