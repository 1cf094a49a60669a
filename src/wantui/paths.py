"""Where everything lives.

`WANTUI_HOME` moves all of ours; otherwise the platform's folders are used. Weights stay in the
standard hub cache, found as huggingface_hub finds it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from wantui.mounts import network_filesystem

_PACKAGE = Path(__file__).parent

MAX_SOCKET_PATH_BYTES = 107
"""Linux's `sun_path` is 108 bytes with its terminating zero: unix(7)."""


def shipped_config() -> Path:
    """The shipped TOML: `_config` in an installed package, else the checkout's `config/`."""
    installed = _PACKAGE / "_config"
    return installed if installed.is_dir() else _PACKAGE.parents[1] / "config"


def demo_weights() -> Path:
    """The demo model that ships inside the package, in Diffusers layout."""
    return _PACKAGE / "demo" / "weights"


def demo_reference() -> Path:
    """Frames that the demo model made on a CPU, with the request for them."""
    return _PACKAGE / "demo" / "reference"


@dataclass(frozen=True)
class Paths:
    """The folders of one wantui, and the files in them that have a fixed name."""

    config: Path
    state: Path
    data: Path
    cache: Path
    hub_cache: Path
    network: str | None = None
    """The kind of network filesystem that the state is on; None for a disk of this machine."""

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] = os.environ,
        network: Callable[[Path], str | None] = network_filesystem,
    ) -> Paths:
        """`network` names the kind of network filesystem that a folder is on."""
        config, state, data, cache = _homes(environment)
        return cls(config, state, data, cache, _hub_cache(environment), network(state))

    @property
    def settings(self) -> Path:
        return self.config / "wantui.toml"

    @property
    def recipes(self) -> Path:
        """The user's own models, a TOML file each."""
        return self.config / "models"

    @property
    def qualities(self) -> Path:
        """The user's own qualities, a TOML file each."""
        return self.config / "qualities"

    @property
    def profiles(self) -> Path:
        """The user's own profiles of machines, a TOML file each."""
        return self.config / "profiles"

    @property
    def presets(self) -> Path:
        """Requests that the user saved by name."""
        return self.config / "presets.toml"

    @property
    def prompts(self) -> Path:
        """What was sent to be drawn from this machine, for whoever types to find again."""
        return self.state / "prompts.jsonl"

    @property
    def findings(self) -> Path:
        """What was found out about the machine once."""
        return self.state / "machine.json"

    @property
    def database(self) -> Path:
        return self.state / "wantui.db"

    @property
    def aside(self) -> Path:
        """Databases that did not open, a folder each."""
        return self.state / "aside"

    @property
    def run(self) -> Path:
        return self.state / "run"

    @property
    def lock(self) -> Path:
        return self.run / "daemon.lock"

    @property
    def children(self) -> Path:
        """A note of every process that the daemon has started and that still runs."""
        return self.run / "children"

    @property
    def socket(self) -> Path:
        """The daemon's socket; elsewhere by a short hashed name where the state folder's path is
        too long, or on a network filesystem: a socket there reaches nobody, or another machine's.
        """
        path = self.run / "wantui.sock"
        if len(os.fsencode(path)) <= MAX_SOCKET_PATH_BYTES and self.network is None:
            return path
        digest = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
        return _short_folder() / f"{digest}.sock"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def jobs(self) -> Path:
        return self.data / "jobs"

    @property
    def uploads(self) -> Path:
        return self.data / "uploads"

    @property
    def adapters(self) -> Path:
        return self.data / "adapters"

    @property
    def converted(self) -> Path:
        """Weights in the number format that a GPU loads, a folder a component."""
        return self.cache / "converted"

    @property
    def kernels(self) -> Path:
        """What torch and Triton compiled, to be loaded and run by the next worker."""
        return self.cache / "kernels"

    @property
    def embeddings(self) -> Path:
        """Encoded prompts."""
        return self.cache / "embeddings"

    def job(self, job_id: int) -> Path:
        """The folder of one job: its request, image, log and output."""
        return self.jobs / str(job_id)


def _homes(environment: Mapping[str, str]) -> tuple[Path, Path, Path, Path]:
    """Configuration, state, data, cache."""
    if home := environment.get("WANTUI_HOME"):
        root = Path(home).expanduser().absolute()
        return root / "config", root / "state", root / "data", root / "cache"
    dirs = platformdirs.PlatformDirs("wantui", appauthor=False)
    return (
        dirs.user_config_path.absolute(),
        dirs.user_state_path.absolute(),
        dirs.user_data_path.absolute(),
        dirs.user_cache_path.absolute(),
    )


def _short_folder() -> Path:
    """A folder of ours with a short path; made private by whoever binds a socket in it."""
    runtime = Path(f"/run/user/{os.getuid()}")
    if runtime.is_dir():
        return runtime / "wantui"
    return Path(f"/tmp/wantui-{os.getuid()}")


def _hub_cache(environment: Mapping[str, str]) -> Path:
    """As huggingface_hub.constants resolves HF_HUB_CACHE, HF_HOME and XDG_CACHE_HOME."""
    if cache := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return _expanded(cache)
    if home := environment.get("HF_HOME"):
        return _expanded(home) / "hub"
    base = environment.get("XDG_CACHE_HOME") or "~/.cache"
    return _expanded(base) / "huggingface" / "hub"


def _expanded(path: str) -> Path:
    """Absolute, with `~` and `$VARIABLES`, which huggingface_hub takes too, resolved."""
    return Path(os.path.expandvars(path)).expanduser().absolute()
