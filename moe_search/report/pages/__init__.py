"""Pages of a report: what they hold, and how it is written as HTML and Markdown."""
