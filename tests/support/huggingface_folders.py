"""Folders as Hugging Face's datasets saves them, written here byte for byte in their form."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image

COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}
NAMES = list(COLOURS)


def png(colour: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (9, 12), COLOURS[colour]).save(file, "PNG")
    return file.getvalue()


def with_features(columns: dict[str, Any], features: dict[str, Any]) -> Any:
    said = json.dumps({"info": {"features": features}})
    return pa.table(columns).replace_schema_metadata({"huggingface": said})


CLASSES = {"names": NAMES, "_type": "ClassLabel"}


def pictures(rows: int, hidden: bool = False) -> Any:
    """Images of one colour, and its number; -1 where the class is not published."""
    labels = [-1 if hidden else row % 2 for row in range(rows)]
    files = [{"bytes": png(NAMES[row % 2]), "path": f"{row}.png"} for row in range(rows)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {"image": pa.array(files, kind), "label": pa.array(labels)}
    return with_features(columns, {"image": {"_type": "Image"}, "label": CLASSES})


def table(rows: int) -> Any:
    columns = {
        "size": np.arange(rows) % 2 + np.arange(rows) / 100,
        "home": ["sea", "wood", None] * (rows // 3),
        "label": np.arange(rows) % 2,
    }
    return with_features(columns, {"label": CLASSES})


def save(folder: Path, rows: Any, shards: int = 1) -> None:
    """``Dataset.save_to_disk``."""
    folder.mkdir(parents=True)
    names = [f"data-{n:05}-of-{shards:05}.arrow" for n in range(shards)]
    size = -(-rows.num_rows // shards)
    for number, name in enumerate(names):
        part = rows.slice(number * size, size)
        with (
            pa.OSFile(str(folder / name), "wb") as file,
            pa.ipc.new_stream(file, part.schema) as writer,
        ):
            writer.write_table(part)
    state = {"_data_files": [{"filename": name} for name in names]}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")


def save_dict(folder: Path, **splits: Any) -> None:
    """``DatasetDict.save_to_disk``."""
    for name, rows in splits.items():
        save(folder / name, rows)
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": list(splits)}))
