"""The state of 200 models of 40 files, against huggingface_hub's scan of the same cache."""

from __future__ import annotations

import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import scan_cache_dir
from row import row

from wantui.catalog.catalog import Catalog
from wantui.catalog.recipe import Recipe
from wantui.paths import demo_weights, shipped_config
from wantui.store.scan import scan
from wantui.store.verdicts import Verdicts

MODELS, FILES = 200, 40
COMMIT = "a" * 40


def recipes() -> list[Recipe]:
    """As many models, each in a repository of its own with as many files."""
    base = Catalog.load(shipped_config()).model("t2v-a14b")
    component = base.components[0].model_copy(
        update={
            "files": tuple(f"part-{number:02}.json" for number in range(FILES - 1)),
            "weights": None,
            "parameter_count": 1,
        }
    )
    return [
        base.model_copy(
            update={
                "id": f"model-{number}",
                "repository": f"Owner/Model-{number}",
                "components": (component,),
            }
        )
        for number in range(MODELS)
    ]


def lay_out(recipe: Recipe, cache: Path) -> None:
    folder = cache / f"models--{(recipe.repository or '').replace('/', '--')}"
    for path in recipe.paths:
        content = f"{recipe.id} {path}".encode()
        blob = folder / "blobs" / hashlib.sha256(content).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = folder / "snapshots" / COMMIT / path
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to("../" * (2 + path.count("/")) + f"blobs/{blob.name}")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(COMMIT)


def median_s(work: Callable[[], object]) -> float:
    spent = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        spent.append(time.perf_counter() - began)
    return statistics.median(spent)


def main() -> None:
    models = recipes()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for model in models:
            lay_out(model, cache)
        verdicts = Verdicts()
        ours = median_s(lambda: [scan(model, cache, demo_weights(), verdicts) for model in models])
        theirs = median_s(lambda: scan_cache_dir(cache))
    row(
        f"inventory of {MODELS} repositories x {FILES} files vs scan_cache_dir",
        f"{ours * 1e3:.0f} ms",
        f"{theirs * 1e3:.0f} ms",
        f"{theirs / ours:.1f}x",
        "< 150 ms",
    )


if __name__ == "__main__":
    main()
