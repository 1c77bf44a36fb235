"""Opening what may be a file, a server, away or damaged: the stores of Optuna and MLflow."""

import os

# MLflow looks for the first while it is imported, and its own UI, a child process, inherits it.
# The others keep its links and progress bars off the terminal, which is ours.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
