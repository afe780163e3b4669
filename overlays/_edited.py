"""Writes the files of Prefect's that the laid overlays edit: as they are under `a/`, and edited under `b/`.

Run by the subject's Python with the laid folder on PYTHONPATH: `python -m survival_overlays._edited FOLDER`.
"""

import importlib
import importlib.util
import json
import sys
from pathlib import Path

laid, into = Path(__file__).resolve().parent, Path(sys.argv[1])
if not (spec := importlib.util.find_spec("prefect")):
    sys.exit("this Python has no Prefect")
package = Path(spec.origin).parent
for module, overlays in json.loads((laid.parent / "overlays.json").read_text())["editing"].items():
    inside = package.joinpath(*module.split(".")[1:])
    path = inside / "__init__.py" if inside.is_dir() else inside.with_suffix(".py")
    source = importlib.util.decode_source(path.read_bytes())
    edited = source
    for overlay in overlays:
        edited = importlib.import_module(f"{__package__}.{overlay}").edit(module, edited)
    for side, text in (("a", source), ("b", edited)):
        file = into / side / "src" / path.relative_to(package.parent)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
