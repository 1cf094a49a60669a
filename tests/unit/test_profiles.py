"""Profiles: which one a machine is planned by, on synthetic machines; and the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.synthetic import NAMES, synthetic
from tests.unit.machines import GIB, gpu, machine
from wantui.api.hardware import DeviceClass, Disk, Hardware, PcieLink
from wantui.errors import DoesNotFit, SettingsInvalid
from wantui.hardware.profile import Profile
from wantui.hardware.profiles import Profiles
from wantui.hardware.readings import link_rate
from wantui.paths import shipped_config

SHIPPED = shipped_config() / "profiles"
ALL = Profiles.load(SHIPPED)
NOT_A_NUMBER = {"name", "summary", "device", "devices", "sources"}


def own(folder: Path, content: str, name: str = "mine.toml") -> Path:
    (folder / name).write_text(content)
    return folder


def called(hardware: Hardware, name: str) -> Hardware:
    renamed = tuple(one.model_copy(update={"name": name}) for one in hardware.gpus)
    return hardware.model_copy(update={"gpus": renamed})


@pytest.mark.parametrize("name", NAMES)
def test_a_known_machine_is_planned_by_its_profile_with_its_own_readings(name: str) -> None:
    known = synthetic(name)
    matched = ALL.match(known.hardware)
    assert matched.profile.name == known.profile
    assert matched.why
    assert not matched.own
    assert matched.profile.host_memory_bytes == known.hardware.memory.total_bytes
    assert matched.profile.cores == known.hardware.cpu.cores
    if known.gpus:
        assert matched.profile.memory_total_bytes == known.hardware.gpus[0].memory_total_bytes
    assert ALL.match(known.hardware, "cpu").profile.device is DeviceClass.CPU


@pytest.mark.parametrize("name", NAMES)
def test_synthetic_machines_say_so_and_where_each_number_is_from(name: str) -> None:
    known = synthetic(name)
    assert known.synthetic
    tables = {"cpu", "memory"}
    tables |= {"gpus"} if known.gpus else set()
    tables |= {"engine_devices"} if known.engine_devices else set()
    assert set(known.sources) == tables
    assert all(known.sources.values())


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: path.stem)
def test_each_number_of_a_shipped_profile_has_its_source(path: Path) -> None:
    (profile,) = (kept.profile for kept in ALL.kept if kept.profile.name == path.stem)
    assert set(profile.sources) == set(Profile.model_fields) - NOT_A_NUMBER
    assert all(profile.sources.values())


@pytest.mark.parametrize(
    ("gigabytes", "expected"), [(6, "8gb"), (8, "8gb"), (11, "8gb"), (24, "24gb"), (180, "80gb")]
)
def test_an_unknown_gpu_is_planned_by_the_largest_class_that_it_is_not_smaller_than(
    gigabytes: int, expected: str
) -> None:
    matched = ALL.match(machine(gpu(gigabytes * GIB)))
    assert matched.profile.name == expected
    assert matched.profile.memory_total_bytes == gigabytes * GIB
    assert "no profile knows NVIDIA GPU-1" in matched.why


def test_a_laptops_gpu_is_not_the_desktops_of_the_same_number() -> None:
    laptop = called(machine(gpu(16 * GIB)), "NVIDIA GeForce RTX 4090 Laptop GPU")
    assert ALL.match(laptop).profile.name == "16gb"


def test_of_several_gpus_each_has_its_own_profile() -> None:
    hardware = machine(gpu(8 * GIB, "GPU-1"), gpu(24 * GIB, "GPU-2"))
    assert ALL.match(hardware).device == "GPU-2"
    assert ALL.match(hardware, "GPU-1").profile.name == "8gb"
    assert ALL.match(hardware, "cpu").profile.name == "cpu"
    with pytest.raises(DoesNotFit, match="GPU-3"):
        ALL.match(hardware, "GPU-3")


def test_what_was_measured_goes_over_what_is_usual_and_says_so() -> None:
    disk = Disk(role="weights", path="/w", total_bytes=1, free_bytes=1, read_bytes_per_second=7.5e9)
    hardware = machine(gpu(24 * GIB, capability="8.0")).model_copy(update={"disks": (disk,)})
    profile = ALL.match(hardware).profile
    assert profile.disk_read_bytes_per_second == 7.5e9
    assert "this machine" in profile.sources["disk_read_bytes_per_second"]
    assert not profile.dtypes.fp8
    assert profile.dtypes.bf16


def test_a_cpus_rate_is_that_of_its_physical_cores() -> None:
    small = synthetic("cpu").hardware
    shared = small.cpu.model_copy(update={"cores": 32, "physical_cores": 16})
    not_shared = small.cpu.model_copy(update={"cores": 16, "physical_cores": 16})
    unknown = small.cpu.model_copy(update={"cores": 32, "physical_cores": None})
    rate = ALL.match(small).profile.bf16_flops
    for cpu in (shared, not_shared, unknown):
        larger = small.model_copy(update={"cpu": cpu})
        assert ALL.match(larger).profile.bf16_flops == 2 * rate


@pytest.mark.parametrize(
    ("link", "rate"),
    [
        (PcieLink(generation=1, lanes=16, max_generation=4, max_lanes=16), 25.2e9),
        (PcieLink(generation=4, lanes=8, max_generation=4, max_lanes=8), 12.6e9),
        (PcieLink(generation=1, lanes=1, max_generation=None, max_lanes=None), None),
        (PcieLink(generation=9, lanes=16, max_generation=9, max_lanes=16), None),
        (None, None),
    ],
)
def test_a_link_is_as_fast_as_it_trains_under_load(
    link: PcieLink | None, rate: float | None
) -> None:
    told = link_rate(link)
    assert told == (None if rate is None else pytest.approx(rate, rel=0.01))


def test_a_profile_of_the_users_with_a_shipped_name_says_only_what_is_different(
    tmp_path: Path,
) -> None:
    folder = own(
        tmp_path,
        'name = "rtx-4090"\nmemory_total_bytes = 20_000_000_000\nattention.fastest = "flash"\n',
    )
    matched = Profiles.load(SHIPPED, folder).match(synthetic("rtx-4090").hardware)
    assert matched.own
    assert matched.profile.memory_total_bytes == 20_000_000_000  # over the reading
    assert matched.profile.attention.fastest == "flash"
    assert matched.profile.bf16_flops == 165.2e12


def test_a_profile_that_extends_one_goes_before_it(tmp_path: Path) -> None:
    folder = own(tmp_path, 'name = "mine"\nextends = "24gb"\nbf16_share = 0.4\n')
    matched = Profiles.load(SHIPPED, folder).match(machine(gpu(24 * GIB)))
    assert (matched.profile.name, matched.profile.bf16_share) == ("mine", 0.4)
    assert matched.own


def test_the_settings_choose_a_profile_for_devices_of_its_class(tmp_path: Path) -> None:
    chosen = Profiles.load(SHIPPED, chosen="a100")
    hardware = machine(gpu(24 * GIB))
    matched = chosen.match(hardware)
    assert matched.profile.name == "a100"
    assert matched.profile.memory_total_bytes == 24 * GIB
    assert "settings" in matched.why
    assert chosen.match(hardware, "cpu").profile.name == "cpu"


@pytest.mark.parametrize(
    ("content", "said", "hint"),
    [
        ('name = "rtx-4090"\nbf16_flop = 1.0\n', "bf16_flop", "did you mean bf16_flops?"),
        ('name = "mine"\nextends = "rtx-4099"\n', "rtx-4099", "did you mean rtx-4090?"),
        ('name = "mine"\n', "summary: Field required", None),
        ('name = "rtx-4090"\nbf16_share = 1.5\n', "bf16_share", None),
        ('name = "rtx-4090"\nattention.fastest = "sage"\n', "attention", None),
        ('name = "rtx-4090"\nsources.speed = "x"\n', "speed", None),
        ("name = ", "mine.toml", None),
    ],
)
def test_a_file_of_the_users_that_is_wrong_is_refused_by_name(
    tmp_path: Path, content: str, said: str, hint: str | None
) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Profiles.load(SHIPPED, own(tmp_path, content))
    assert "mine.toml" in refused.value.message
    assert said in refused.value.message
    assert hint is None or refused.value.hint == hint


def test_a_chosen_profile_that_there_is_not_is_refused_with_the_nearest() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        Profiles.load(SHIPPED, chosen="h10")
    assert refused.value.hint == "did you mean h100?"
