"""The study's page in the Optuna dashboard, and its plots there."""
