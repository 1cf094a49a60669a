"""What a doctor makes of its readings, and that the fixes it names do mend."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageChops

from tests import made
from tests.disks import fill, small_disk
from tests.running import environment_for
from tests.unit.hub_cache import HubRepository
from wantui.api.doctor import Diagnosis, Finding, Severity, environment_of, lines_of
from wantui.api.hardware import AttentionBackend, Disk, EngineDevice, EngineFacts, Hardware
from wantui.api.plan import DType
from wantui.catalog.catalog import Catalog
from wantui.client.doctor import differences
from wantui.daemon.doctor import access, cache, clock, disks, records, strays
from wantui.daemon.doctor.clock import Clock
from wantui.daemon.doctor.driver import check_driver
from wantui.daemon.doctor.kernels import check_attention, check_compiling, check_components
from wantui.daemon.doctor.lingering import check_lingering
from wantui.daemon.doctor.reference import Reference, check_clip, compare, frame_path, sums_digest
from wantui.hardware.probe import Probe
from wantui.paths import Paths, demo_reference, demo_weights, shipped_config
from wantui.pipe.fetch import Outcome
from wantui.pipe.file import StatKey
from wantui.store.scan import scan
from wantui.store.verdicts import Verdict, Verdicts

CATALOG = Catalog.load(shipped_config())
REFERENCE_BYTES = 60_000


def bad(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity is not Severity.OK]


def mend(finding: Finding) -> None:
    """Do as the doctor says."""
    subprocess.run(["bash", "-c", finding.fix], check=True)


def only(findings: Iterable[Finding], severity: Severity) -> Finding:
    (found,) = bad(findings)
    assert found.severity is severity
    assert found.fix
    return found


# Folders, files and the socket


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths.from_environment({"WANTUI_HOME": str(tmp_path / "home")})
    for folder in (paths.run, paths.jobs):
        folder.mkdir(parents=True, mode=0o700)
    for folder in (paths.state, paths.data):
        folder.chmod(0o700)
    return paths


def looked(paths: Paths) -> list[Finding]:
    return list(access.check_access(access.look_at(paths), os.getuid()))


def test_a_folder_that_others_may_read_is_found_and_the_fix_mends_it(paths: Paths) -> None:
    assert not bad(looked(paths))
    paths.jobs.chmod(0o755)
    found = only(looked(paths), Severity.ERROR)
    assert (found.where, "0755" in found.what) == (str(paths.jobs), True)
    mend(found)
    assert not bad(looked(paths))


def test_a_database_that_others_may_read_is_found_and_the_fix_mends_it(paths: Paths) -> None:
    paths.database.touch(0o644)
    mend(only(looked(paths), Severity.ERROR))
    assert not bad(looked(paths))


def test_a_link_in_the_place_of_a_folder_is_found(paths: Paths, tmp_path: Path) -> None:
    paths.jobs.rmdir()
    paths.jobs.symlink_to(tmp_path)
    assert "a link" in only(looked(paths), Severity.ERROR).what


def test_what_belongs_to_another_user_is_found(paths: Paths) -> None:
    theirs = access.check_access(access.look_at(paths)[:1], os.getuid() + 1)
    assert f"uid {os.getuid()}, not to you" in only(theirs, Severity.ERROR).what


def test_a_socket_path_that_is_too_long_is_told(tmp_path: Path) -> None:
    far = Paths.from_environment({"WANTUI_HOME": str(tmp_path / ("long" * 30))})
    natural = far.run / "wantui.sock"
    assert only(access.check_socket_path(natural, far.socket), Severity.WARN).where == str(
        far.socket
    )
    assert "longer" in only(access.check_socket_path(natural, natural), Severity.ERROR).what
    near = Path("/run/wantui.sock")
    assert not bad(access.check_socket_path(near, near))


# Disks


def test_a_full_disk_is_found(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small", 1 << 20) as disk:
        fill(disk.seen / "filled")
        known = Probe().read({"jobs": disk.seen}).disks
    found = only(disks.check_space(known), Severity.ERROR)
    assert found.where == str(disk.seen)
    assert "the disk is full" in found.what


def test_little_room_and_a_slow_disk_are_told() -> None:
    disk = Disk(
        role="weights",
        path="/w",
        total_bytes=10**12,
        free_bytes=10**9,
        read_bytes_per_second=80e6,
    )
    assert only(disks.check_space([disk]), Severity.WARN).fix == "wantui prune"
    assert "80.0 MB/s" in only(disks.check_speed([disk]), Severity.WARN).what
    fast = disk.model_copy(update={"free_bytes": 10**11, "read_bytes_per_second": 2e9})
    assert not bad([*disks.check_space([fast]), *disks.check_speed([fast])])
    unknown = disk.model_copy(update={"read_bytes_per_second": None})
    assert list(disks.check_speed([unknown])) == []


def test_a_network_filesystem_is_told_with_what_is_on_it() -> None:
    found = only(
        disks.check_network({"state": ("/home/ada", "nfs4"), "jobs": ("/jobs", None)}),
        Severity.WARN,
    )
    assert (found.where, "nfs4" in found.what) == ("/home/ada", True)
    assert not bad(disks.check_network({"state": ("/home/ada", None)}))


# The database


def test_the_wal_bug_needs_two_connections() -> None:
    assert records.check_sqlite((3, 46, 0)).severity is Severity.OK
    assert "has one" in records.check_sqlite((3, 46, 0)).what
    assert records.check_sqlite((3, 46, 0), connections=2).severity is Severity.ERROR
    assert records.check_sqlite((3, 51, 3), connections=2).severity is Severity.OK


def test_a_database_is_read_without_a_daemon(tmp_path: Path) -> None:
    path = tmp_path / "it's.db"
    assert "none yet" in records.look_alone(path).what
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("CREATE TABLE jobs (document TEXT)")
    connection.executemany("INSERT INTO jobs VALUES (?)", [("x" * 500,)] * 200)
    assert records.look_alone(path).severity is Severity.OK
    connection.execute("BEGIN EXCLUSIVE")
    assert records.look_alone(path).severity is Severity.WARN
    connection.execute("ROLLBACK")
    connection.close()
    content = bytearray(path.read_bytes())
    content[4096:12288] = bytes(8192)
    path.write_bytes(content)
    damaged = records.look_alone(path)
    assert damaged.severity is Severity.ERROR
    assert str(path) not in damaged.what
    path.write_bytes(b"no database at all, but long enough to be one" * 100)
    assert records.look_alone(path).severity is Severity.ERROR


# Weights


def test_one_bit_of_the_demo_that_is_another_is_found(tmp_path: Path) -> None:
    copy = tmp_path / "weights"
    shutil.copytree(demo_weights(), copy)
    assert cache.check_demo(copy).severity is Severity.OK
    file = copy / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    found = cache.check_demo(copy)
    assert found.severity is Severity.ERROR
    assert "vae/diffusion_pytorch_model.safetensors" in found.what
    file.unlink()
    assert "cannot be read" in cache.check_demo(copy).what


def test_a_corrupt_file_of_a_model_is_found_with_its_repair(tmp_path: Path) -> None:
    recipe = CATALOG.model("ti2v-5b")
    assert recipe.repository is not None
    repository = HubRepository(tmp_path, recipe.repository)
    repository.ref("main")
    blobs = [repository.add(path) for path in recipe.repository_paths]
    info = blobs[0].stat()
    verdicts = Verdicts([Verdict(StatKey.of(info), Outcome.CORRUPT, "0" * 64, "bits rot", 1.0)])
    weights = scan(recipe, tmp_path, demo_weights(), verdicts)
    found = only(cache.check_models([(recipe, weights)]), Severity.ERROR)
    assert found.fix == "wantui repair ti2v-5b"
    assert "bits rot" in found.what
    whole = scan(recipe, tmp_path, demo_weights(), Verdicts())
    assert not bad(cache.check_models([(recipe, whole)]))
    (repository.snapshot() / recipe.repository_paths[-1]).unlink()
    partial = scan(recipe, tmp_path, demo_weights(), Verdicts())
    found = only(cache.check_models([(recipe, partial)]), Severity.WARN)
    assert found.fix == "wantui pull ti2v-5b"


def test_what_a_prune_would_free_is_told(tmp_path: Path) -> None:
    repository = HubRepository(tmp_path, "Owner/Name")
    repository.ref("main")
    repository.add("a.safetensors", 100)
    orphan = repository.folder / "blobs" / ("f" * 64)
    with orphan.open("wb") as file:
        file.truncate(2 << 30)
    left = [count for count, problem in cache.leftovers(tmp_path, ["Owner/Name"]) if not problem]
    found = cache.check_leftovers(sum(left), str(tmp_path))
    assert (found.severity, found.fix) == (Severity.WARN, "wantui prune")
    assert cache.check_leftovers(0, str(tmp_path)).severity is Severity.OK


# Processes


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """A worker whose parent has ended, and the home that it is of."""
    home = tmp_path / "home"
    environment = environment_for(home)
    ours, theirs = socket.socketpair()
    command = f"{sys.executable} -m wantui.worker --fd {theirs.fileno()} >/dev/null 2>&1 & echo $!"
    started = subprocess.run(
        ["bash", "-c", command],
        env=environment,
        pass_fds=(theirs.fileno(),),
        capture_output=True,
        text=True,
        check=True,
    )
    pid = int(started.stdout)
    deadline = time.monotonic() + 30.0
    while "wantui.worker" not in psutil.Process(pid).cmdline():  # it is the shell's still
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with ours, theirs:
        yield pid, str(home)
    if psutil.pid_exists(pid):
        os.kill(pid, 9)


def test_a_worker_without_a_daemon_is_found_and_the_fix_ends_it(orphan: tuple[int, str]) -> None:
    pid, home = orphan
    strays_found = strays.look_for_strays(None, home)
    assert [stray.pid for stray in strays_found] == [pid]
    parent = psutil.Process(pid).ppid()
    assert strays.look_for_strays(parent, home) == []  # a daemon's own
    assert strays.look_for_strays(None, f"{home}/other") == []
    mend(only(strays.check_strays(strays_found), Severity.WARN))
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], 10)
    assert strays.look_for_strays(None, home) == []


def test_others_who_hold_a_gpu_are_told_and_our_workers_are_not() -> None:
    gpu = made.gpu()
    found = only(strays.check_holders([gpu], ours=[99]), Severity.WARN)
    assert (found.where, found.fix) == ("process 4711", "kill 4711")
    assert list(strays.check_holders([gpu], ours=[99, 4711])) == []


def test_in_a_container_a_process_without_a_name_may_be_our_worker() -> None:
    """The driver numbers processes as the host does."""
    holders = (made.gpu().holders[0].model_copy(update={"pid": 70_001, "name": ""}),)
    gpu = made.gpu().model_copy(update={"holders": holders})
    assert list(strays.check_holders([gpu], ours=[99])) == []
    assert only(strays.check_holders([gpu], ours=[]), Severity.WARN).fix == "kill 70001"


# The driver and the engine

CUDA = EngineFacts(
    torch="2.13.0+cu130",
    cuda="13.0",
    devices=(EngineDevice(kind="cuda", name="NVIDIA H100 80GB HBM3"),),
    attention=(
        AttentionBackend(name="native", available=True, relative_error=3e-3),
        AttentionBackend(name="flash", available=False, reason="not installed"),
        AttentionBackend(name="sage", available=True, relative_error=4e-2),
    ),
    compiles=True,
)


def with_gpu(engine: EngineFacts | None = CUDA, **update: object) -> Hardware:
    return made.hardware(made.gpu()).model_copy(update={"engine": engine, **update})


def engine(**update: object) -> EngineFacts:
    return CUDA.model_copy(update=update)


@pytest.mark.parametrize(
    ("hardware", "severity", "says"),
    [
        (with_gpu(engine(torch="2.13.0+cpu", cuda=None)), "error", "built without CUDA"),
        (with_gpu(driver="535.104.05"), "error", "too old for CUDA 13.0: 580.65 is the least"),
        (with_gpu(engine(devices=())), "error", "torch sees 0"),
        (with_gpu(engine(error="the engine is not installed: no torch")), "error", "no torch"),
        (with_gpu(None), "warn", "was not asked"),
        (with_gpu(gpu_notes=("GPU 1: lost",)), "warn", "GPU 1: lost"),
        (with_gpu(gpu_reason="it has not answered for 45 s: it hangs"), "error", "hangs"),
    ],
)
def test_what_does_not_match_of_driver_torch_and_cuda_is_found(
    hardware: Hardware, severity: str, says: str
) -> None:
    found = only(check_driver(hardware), Severity(severity))
    assert says in found.what


def test_a_machine_that_matches_and_one_without_a_gpu_are_fine() -> None:
    assert not bad(check_driver(with_gpu()))
    assert not bad(check_driver(with_gpu(engine(cuda="12.8"), driver="535.104.05")))
    assert not bad(check_driver(made.hardware()))


def test_attention_that_is_wrong_is_found() -> None:
    assert not bad(check_attention(CUDA))  # quantised attention is as it is
    wrong = AttentionBackend(name="native", available=True, relative_error=0.1)
    assert "1.0e-01" in only(check_attention(engine(attention=(wrong,))), Severity.ERROR).what
    gone = AttentionBackend(name="native", available=False, reason="it gives no numbers")
    found = only(check_attention(engine(attention=(gone,))), Severity.ERROR)
    assert "it gives no numbers" in found.what
    on_cpu = engine(devices=(), attention=(wrong.model_copy(update={"relative_error": 1e-3}),))
    assert bad(check_attention(on_cpu))  # which rounds to 24 bits
    other = engine(attention=(CUDA.attention[0], wrong.model_copy(update={"name": "flash"})))
    assert only(check_attention(other), Severity.WARN).where == "flash"


def test_a_component_with_another_number_of_parameters_is_found() -> None:
    known = made.hardware().engine
    assert known is not None
    assert not bad(check_components(known))
    (part,) = known.components
    other = known.model_copy(
        update={"components": (part.model_copy(update={"parameter_count": 2}),)}
    )
    assert only(check_components(other), Severity.ERROR).where == part.model


def test_a_compiler_that_is_wanted_and_missing_is_told(tmp_path: Path) -> None:
    settings = str(tmp_path / "wantui.toml")
    assert not bad(check_compiling(CUDA, settings, wanted=True))
    lost = engine(compiles=False, compile_problem="Failed to find C compiler")
    assert "gcc" in only(check_compiling(lost, settings, wanted=True), Severity.WARN).fix
    assert list(check_compiling(lost, settings, wanted=False)) == []
    broken = engine(compiles=False, compile_problem="Triton is broken")
    mend(only(check_compiling(broken, settings, wanted=True), Severity.WARN))
    assert Path(settings).read_text() == "[worker]\ncompile = false\n"


# The clock, the session, the environment


def test_a_clock_that_went_back_or_jumps_is_found(tmp_path: Path) -> None:
    file = tmp_path / "written"
    file.touch()
    os.utime(file, (2000, 2000))
    written = clock.newest([file, tmp_path / "absent"])
    assert (written[0], written[1]) == (2000, str(file))
    good = clock.check_clock(Clock(2000, 10), Clock(2005, 15), written)
    assert good.severity is Severity.OK
    behind = clock.check_clock(Clock(100, 10), Clock(105, 15), written)
    assert (behind.severity, behind.where) == (Severity.ERROR, str(file))
    jumped = clock.check_clock(Clock(2000, 10), Clock(2065, 15), written)
    assert jumped.severity is Severity.WARN
    assert "+60.0 s" in jumped.what


def test_linger_is_told_where_a_user_manager_answers() -> None:
    assert list(check_lingering(None)) == []
    assert not bad(check_lingering(lingers=True))
    assert "enable-linger" in only(check_lingering(lingers=False), Severity.WARN).fix


def test_environments_are_compared_without_their_secrets() -> None:
    ours = environment_of({"HF_HOME": "/a", "HF_TOKEN": "hf_secret", "LANG": "C"})
    assert ours == {"HF_HOME": "/a", "HF_TOKEN": "set"}
    theirs = environment_of({"HF_HOME": "/b", "HF_TOKEN": "hf_other"})
    assert "/a here, and /b at the daemon" in only(differences(ours, theirs), Severity.WARN).what
    assert "not set at the daemon" in only(differences(ours, {"HF_HOME": "/a"}), Severity.WARN).what


# The clip


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of the frames that ship, as a job would leave them."""
    reference = Reference.load()
    for number in reference.frames:
        shutil.copyfile(frame_path(demo_reference(), number), frame_path(tmp_path, number))
    return tmp_path


def test_the_reference_is_small_and_of_the_weights_that_ship() -> None:
    files = list(demo_reference().iterdir())
    assert sum(path.stat().st_size for path in files) <= REFERENCE_BYTES
    reference = Reference.load()
    assert reference.weights_sha256 == sums_digest(demo_weights())
    assert reference.least_decibels.float32 > reference.least_decibels.bfloat16


def _brighter(frame: Image.Image) -> Image.Image:
    return frame.point([min(value + 1, 255) for value in range(256)] * 3)


def _halves(frame: Image.Image) -> Image.Image:
    return ImageChops.offset(frame, 64, 0)


@pytest.mark.parametrize(
    ("change", "decibels", "dtypes"),
    [(_brighter, (47, 50), {DType.BFLOAT16}), (_halves, (5, 30), set())],
)
def test_a_clip_that_is_another_is_found(
    shipped: Path,
    change: Callable[[Image.Image], Image.Image],
    decibels: tuple[float, float],
    dtypes: set[DType],
) -> None:
    """One level on every value is within what bfloat16 does, and not what float32 does."""
    reference = Reference.load()
    same = compare(shipped, reference)
    assert same.words == "the same to the bit"
    path = frame_path(shipped, reference.frames[-1])
    with Image.open(path) as frame:
        change(frame.convert("RGB")).save(path)
    agreement = compare(shipped, reference)
    assert decibels[0] < agreement.decibels < decibels[1]
    good = {
        dtype
        for dtype in DType
        if check_clip(agreement, dtype, reference, "cpu", 1.0).severity is Severity.OK
    }
    assert good == dtypes


def test_frames_of_another_size_are_refused(shipped: Path) -> None:
    reference = Reference.load()
    path = frame_path(shipped, reference.frames[0])
    Image.new("RGB", (64, 64)).save(path)
    with pytest.raises(ValueError, match="64"):
        compare(shipped, reference)


# What people see


def test_a_finding_is_told_with_its_place_and_its_fix_and_no_escape() -> None:
    finding = Finding(
        check="space", severity=Severity.WARN, what="a \x1b[31mred\x1b[0m disk", where="/w", fix="x"
    )
    first, where, fix = lines_of(finding)
    assert first == "warn   space       a red disk"
    assert (where.strip(), fix.strip()) == ("/w", "fix: x")
    worst = Diagnosis(findings=(finding,), seconds=1.0)
    assert worst.severity is Severity.WARN
    assert Diagnosis(findings=(), seconds=1.0).severity is Severity.OK
