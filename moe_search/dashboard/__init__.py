"""Both web dashboards of a study, for this machine alone."""
