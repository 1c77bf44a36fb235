"""Published data sets of photo files of many sizes."""
