"""What runs jobs: processes of this machine, or actors of a cluster."""
