"""Converted weights: the same bits as a load of the published ones gives, for every tiny model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from tests.worker.orders import Desk, Tiny, plan, weights_file
from tests.worker.process import WorkerProcess
from wantui.api.plan import DType, Residency
from wantui.errors import DiskFull, WeightsChanged
from wantui.pipe.conversion import MANIFEST, UNFINISHED, Conversion, Manifest
from wantui.pipe.fetch import (
    Checked,
    ComponentToConvert,
    ConvertFiles,
    Fetching,
    FetchReport,
)
from wantui.pipe.file import KnownFile, StatKey
from wantui.pipe.messages import ConvertedFolder, ModelFiles
from wantui.pipe.serving import Stopped
from wantui.store.converted import KEPT_IN_FP32
from wantui.store.header import read_header
from wantui.worker import convert, engine
from wantui.worker.checkpoint import fingerprint
from wantui.worker.convert import Rewriting
from wantui.worker.load import LoadedModel, LoadKey, load

CLASSES = {
    "transformer": "WanTransformer3DModel",
    "transformer_2": "WanTransformer3DModel",
    "text_encoder": "UMT5EncoderModel",
}
"""By component: those that a GPU computes in bf16. The tiny text encoder is published in fp32."""


@dataclass
class Office:
    """Orders conversions of one model, and keeps what was reported."""

    model: Path
    root: Path
    reports: list[FetchReport] = field(default_factory=list)

    def part(self, component: str) -> ComponentToConvert:
        files = [path for path in sorted((self.model / component).iterdir()) if _holds(path)]
        class_name = CLASSES[component]
        return ComponentToConvert(
            conversion=Conversion(
                sources={path.name: _sha256(path) for path in files},
                dtype=DType.BFLOAT16,
                kept_in_fp32=KEPT_IN_FP32[class_name],
            ),
            files=tuple(KnownFile.at(str(path), path.stat()) for path in files),
        )

    @property
    def parts(self) -> dict[str, ComponentToConvert]:
        return {name: self.part(name) for name in CLASSES if (self.model / name).is_dir()}

    def folder(self, component: str) -> Path:
        return self.root / self.part(component).conversion.key

    def order(self, *components: str) -> ConvertFiles:
        parts = self.parts
        return ConvertFiles(
            root=str(self.root),
            components=tuple(parts[name] for name in components or tuple(parts)),
        )

    def convert(self, *components: str) -> None:
        self.reports = []
        Rewriting(self.order(*components), self.reports.append).run()

    @property
    def written(self) -> int:
        """Bytes of tensors that the last conversion wrote."""
        return max((each.fetched for each in self.reports if isinstance(each, Fetching)), default=0)


def _holds(path: Path) -> bool:
    return path.suffix == ".safetensors" or path.name.endswith(".index.json")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def office(tinies: dict[str, Tiny], tmp_path: Path) -> Office:
    """Of T2V, in a copy that a test may spoil."""
    model = shutil.copytree(tinies["t2v"].folder, tmp_path / "model")
    return Office(model, tmp_path / "converted")


def loaded(files: ModelFiles, dtype: DType = DType.BFLOAT16) -> LoadedModel:
    key = LoadKey(files, dtype, Residency.RESIDENT, torch.device("cpu"))
    model = load(key, lambda: None)
    for name in model.modules:
        model.placement.bring(name)
    return model


def with_converted(files: ModelFiles, office: Office) -> ModelFiles:
    """As the daemon orders it: the converted files' stat keys beside the others."""
    folders = {name: office.folder(name) for name in office.parts}
    converted = tuple(
        ConvertedFolder(
            component=name,
            folder=str(folder),
            kept_in_fp32=KEPT_IN_FP32[CLASSES[name]],
            files=tuple(weights_file(path) for path in sorted(folder.iterdir())),
        )
        for name, folder in folders.items()
    )
    return files.model_copy(update={"converted": converted})


@pytest.mark.parametrize("kind", ["t2v", "i2v", "ti2v"])
def test_converted_weights_are_the_bits_that_a_load_of_the_published_ones_gives(
    tinies: dict[str, Tiny], tmp_path: Path, kind: str
) -> None:
    copy = Tiny(kind, shutil.copytree(tinies[kind].folder, tmp_path / "model"))
    office = Office(copy.folder, tmp_path / "converted")
    office.convert()
    expected = loaded(copy.files)
    files = with_converted(copy.files, office)
    for name in office.parts:  # so that nothing but the converted ones can be read
        for path in filter(_holds, list((copy.folder / name).iterdir())):
            path.unlink()
    gone = {file.path for file in files.files if not Path(file.path).exists()}
    kept = tuple(file for file in files.files if file.path not in gone)
    got = loaded(files.model_copy(update={"files": kept}))
    assert got.modules.keys() == expected.modules.keys()
    for name, module in expected.modules.items():
        same = got.modules[name].state_dict()
        for key, tensor in module.state_dict().items():
            assert same[key].dtype is tensor.dtype, key
            assert torch.equal(same[key], tensor), key
    types = {p.dtype for p in got.transformer.parameters()}
    assert types == {torch.float32, torch.bfloat16}


def test_the_files_are_lawful_safetensors_and_half_the_size(office: Office) -> None:
    office.convert("transformer")
    shards = sorted(office.folder("transformer").glob("*.safetensors"))
    assert len(shards) > 1
    for shard in shards:
        before, after = read_header(office.model / "transformer" / shard.name), read_header(shard)
        assert after.tensors.keys() == before.tensors.keys()
        assert after.parameter_count == before.parameter_count
        assert {tensor.dtype for tensor in after.tensors.values()} <= {"BF16", "F32"}
        assert all(tensor.begin % 2 == 0 for tensor in after.tensors.values())
    assert _bytes(shards) < 0.8 * _bytes((office.model / "transformer").glob("*.safetensors"))
    index = json.loads(next(office.folder("transformer").glob("*.index.json")).read_text())
    assert index["metadata"]["total_size"] == sum(
        tensor.end - tensor.begin
        for shard in shards
        for tensor in read_header(shard).tensors.values()
    )


def _bytes(paths: Iterable[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def test_every_file_is_reported_with_the_digest_that_it_has(office: Office) -> None:
    office.convert("transformer")
    checked = {report.path: report for report in office.reports if isinstance(report, Checked)}
    folder = office.folder("transformer")
    assert set(checked) == {str(path) for path in folder.iterdir() if path.name != MANIFEST}
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    for path, report in checked.items():
        assert report.digest == _sha256(Path(path)) == manifest.files[Path(path).name].sha256
        assert report.key == StatKey.of(Path(path).stat())


def test_an_interrupted_conversion_goes_on_at_the_next_shard(office: Office) -> None:
    shards = len(list((office.model / "transformer").glob("*.safetensors")))
    total = _stopped_after(office, shard=2)
    unfinished = office.root / f"{office.folder('transformer').name}{UNFINISHED}"
    kept = {path.name: path.stat() for path in unfinished.glob("*.safetensors")}
    assert 2 <= len(kept) < shards
    office.convert("transformer")
    assert 0 < office.written < total
    assert not unfinished.exists()
    for name, before in kept.items():
        now = (office.folder("transformer") / name).stat()
        assert (now.st_ino, now.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    office.convert("transformer")
    assert office.written == 0  # it stands


def _stopped_after(office: Office, shard: int) -> int:
    """Stop a conversion once some shards are whole; returns the bytes that all of them take."""
    begun: set[str] = set()

    def tell(report: FetchReport) -> None:
        office.reports.append(report)
        begun.update(path.name for path in office.root.rglob("*.safetensors"))
        if len(begun) >= shard:
            work.stop()

    work = Rewriting(office.order("transformer"), tell)
    with pytest.raises(Stopped):
        work.run()
    return next(each.total for each in office.reports if isinstance(each, Fetching))


def test_a_shard_that_was_written_to_meanwhile_is_made_again(office: Office) -> None:
    _stopped_after(office, shard=2)
    unfinished = office.root / f"{office.folder('transformer').name}{UNFINISHED}"
    spoiled = min(unfinished.glob("*.safetensors"))
    spoiled.write_bytes(bytes(spoiled.stat().st_size))
    office.convert("transformer")
    manifest = Manifest.model_validate_json((office.folder("transformer") / MANIFEST).read_bytes())
    made = office.folder("transformer") / spoiled.name
    assert _sha256(made) == manifest.files[spoiled.name].sha256
    assert read_header(made).tensors


def test_bad_converted_files_are_replaced(office: Office) -> None:
    office.convert("transformer")
    shard = min(office.folder("transformer").glob("*.safetensors"))
    good, before = shard.read_bytes(), shard.stat()
    shard.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    office.convert("transformer")
    assert shard.read_bytes() == good


def test_sources_that_changed_since_they_were_proven_are_not_converted(office: Office) -> None:
    order = office.order("transformer")
    shard = min((office.model / "transformer").glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes())
    with pytest.raises(WeightsChanged, match=shard.name):
        Rewriting(order, office.reports.append).run()
    assert not office.folder("transformer").exists()


def test_other_sources_another_format_or_another_engine_have_another_folder(
    office: Office,
) -> None:
    conversion = office.part("transformer").conversion
    name = next(iter(conversion.sources))
    others = [
        conversion.model_copy(update={"sources": {**conversion.sources, name: "0" * 64}}),
        conversion.model_copy(update={"dtype": DType.FLOAT32}),
        conversion.model_copy(update={"kept_in_fp32": ("norm2",)}),
        conversion.model_copy(update={"version": conversion.version + 1}),
    ]
    backwards = dict(reversed(conversion.sources.items()))
    assert conversion.model_copy(update={"sources": backwards}).key == conversion.key
    assert len({conversion.key, *(other.key for other in others)}) == 5


def test_the_list_of_modules_in_fp32_is_the_engines() -> None:
    for class_name, kept in KEPT_IN_FP32.items():
        assert engine.kept_modules(class_name) == set(kept)


def test_weights_that_were_converted_by_another_list_are_passed_over(office: Office) -> None:
    model = Tiny("t2v", office.model)
    office.convert()
    files = with_converted(model.files, office)
    other = tuple(
        part.model_copy(update={"kept_in_fp32": ("norm2",), "files": ()})
        for part in files.converted
    )
    for part in files.converted:  # were they read, the load would fail
        Path(part.folder, "diffusion_pytorch_model.safetensors.index.json").unlink(missing_ok=True)
        Path(part.folder, "model.safetensors.index.json").unlink(missing_ok=True)
    passed = files.model_copy(update={"converted": other})
    assert loaded(passed).parameters == loaded(model.files).parameters


def test_a_disk_without_room_is_named_before_a_byte_is_written(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(convert, "MARGIN_BYTES", 1 << 62)
    with pytest.raises(DiskFull, match="to be written"):
        office.convert()
    assert list(office.root.iterdir()) == []


def test_a_video_is_the_same_from_converted_weights(
    t2v: Desk, worker: WorkerProcess, tmp_path: Path
) -> None:
    office = Office(t2v.model.folder, tmp_path / "converted")
    office.convert()
    first = t2v.order().model_copy(update={"plan": plan(DType.BFLOAT16)})
    second = t2v.next().order()
    converted = with_converted(second.weights, office)
    second = second.model_copy(update={"plan": first.plan, "weights": converted})
    published, faster = worker.complete(first), worker.complete(second)
    assert published.output.frames_sha256 == faster.output.frames_sha256


def test_a_checkpoint_outlives_a_conversion(t2v: Desk, tmp_path: Path) -> None:
    office = Office(t2v.model.folder, tmp_path / "converted")
    office.convert()
    before = t2v.order().model_copy(update={"plan": plan(DType.BFLOAT16)})
    after = before.model_copy(update={"weights": with_converted(before.weights, office)})
    assert after.weights != before.weights
    assert fingerprint(after, "cpu") == fingerprint(before, "cpu")
