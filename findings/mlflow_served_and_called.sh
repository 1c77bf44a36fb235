#!/usr/bin/env bash
# MLflow 3.17.2: one model, one input; its server answers what predict() in Python refuses.
#
# Guess: a signature of a float32 tensor means the same for both ways to ask a model.
# Seen: mlflow.pyfunc.load_model(...).predict refuses a list, whole numbers, float64 and bytes with
# an MlflowException, even where every value is exact in float32. `mlflow models serve` of the same
# folder takes the same list as JSON, whole numbers and decimals alike, and casts them. It also takes
# null, which arrives as NaN, with the status 200.
# Where it bites: code that was tested against the service fails as a library call, and a missing
# feature reaches the model unless the model itself looks for NaN.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check 'mlflow==3.17.2' 'numpy==2.4.6'
cd "$folder"
export MLFLOW_DISABLE_TELEMETRY=true PATH="$folder/venv/bin:$PATH"
python -W ignore - <<'PYTHON'
import json
import logging
import socket
import subprocess
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

import mlflow
import numpy as np
from mlflow.models import ModelSignature
from mlflow.types import Schema, TensorSpec


class Echo(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return f"{model_input.dtype} {np.isnan(model_input).any()}"


logging.disable(logging.WARNING)
tensor = TensorSpec(np.dtype(np.float32), (-1, 3))
mlflow.pyfunc.save_model(
    "echo", python_model=Echo(), pip_requirements=[], signature=ModelSignature(Schema([tensor]))
)
model = mlflow.pyfunc.load_model("echo")
print(f"mlflow {mlflow.__version__}, signature of float32 [-1, 3]")
asked = {"list": [[1.5, 2, 3]], "int64": np.ones((1, 3), int), "float64": np.ones((1, 3)),
         "uint8": np.ones((1, 3), np.uint8), "float32": np.ones((1, 3), np.float32)}
refused = []
for name, value in asked.items():
    try:
        print(f"predict of {name}: {model.predict(value)}")
    except mlflow.MlflowException:
        refused.append(name)
        print(f"predict of {name}: MlflowException")
assert refused == ["list", "int64", "float64", "uint8"], "changed"

with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
server = subprocess.Popen(
    ["mlflow", "models", "serve", "-m", "echo", "--env-manager", "local", "--port", str(port)],
    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
)
try:
    answers = []
    for row in ([1, 2, 3], [1.5, 2, 3], [None, 2, 3]):
        request = Request(f"http://127.0.0.1:{port}/invocations",
                          json.dumps({"inputs": [row]}).encode(),
                          {"Content-Type": "application/json"})
        for _ in range(240):
            try:
                with urlopen(request) as response:
                    answers.append((response.status, json.load(response)["predictions"]))
                break
            except URLError as error:
                if not isinstance(error.reason, ConnectionRefusedError):
                    raise
                time.sleep(0.5)
        print(f"served {json.dumps(row)}: {answers[-1]}")
finally:
    server.terminate()
    server.wait()
assert answers == [(200, "float32 False"), (200, "float32 False"), (200, "float32 True")], "changed"
PYTHON
