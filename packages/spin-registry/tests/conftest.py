"""What these tests share: a folder like site-packages, with distributions made up by a test."""

import importlib
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pluggy
import pytest

import spin_registry
from spin_registry.discovery import Registry, discover


@dataclass(frozen=True)
class Site:
    """A folder that modules are imported from and distributions found in."""

    path: Path

    def write(self, name: str, source: str) -> None:
        """Writes a module, or the file of a package."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    def install(
        self, distribution: str, entry_points: dict[str, str], version: str = "1.0"
    ) -> None:
        """Writes the metadata of a distribution with entry points of the group spin_registry."""
        info = f"{distribution.replace('-', '_')}-{version}.dist-info"
        self.write(f"{info}/METADATA", f"Name: {distribution}\nVersion: {version}\n")
        lines = [f"{name} = {value}" for name, value in entry_points.items()]
        self.write(f"{info}/entry_points.txt", "\n".join(["[spin_registry]", *lines]))

    def plugin(self, name: str, source: str, version: str = "1.0") -> None:
        """Writes a module and installs it as the plugin of a distribution called NAME-dist."""
        self.write(f"{name}.py", "import spin_registry as sr\n" + textwrap.dedent(source))
        self.install(f"{name}-dist", {name: name}, version)

    def entry_points(self, group: str = "spin_registry") -> list[metadata.EntryPoint]:
        found = metadata.distributions(path=[str(self.path)])
        return [e for d in found for e in d.entry_points if e.group == group]

    def discover(self) -> Registry:
        return discover(self.entry_points())

    def run(self, *arguments: str) -> str:
        """Runs a Python that has this folder, spin_registry and pluggy, and nothing else."""
        for package in (pluggy, spin_registry):
            link = self.path / package.__name__
            if not link.exists():
                link.symlink_to(Path(package.__file__).parent, target_is_directory=True)
        done = subprocess.run(
            [sys.executable, "-S", "-W", "error", *arguments],
            env={**os.environ, "PYTHONPATH": str(self.path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def site(tmp_path, monkeypatch):
    """An empty site; for the length of a test it is the only one where plugins are installed."""
    path = tmp_path / "site"
    path.mkdir()
    site = Site(path)
    before = set(sys.modules)
    monkeypatch.syspath_prepend(path)
    monkeypatch.setattr(metadata, "entry_points", site.entry_points)
    spin_registry.refresh()
    yield site
    spin_registry.refresh()
    for name in set(sys.modules) - before:
        if str(path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
