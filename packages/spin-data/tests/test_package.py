"""The package itself: its public names, what importing it costs, and the README's example."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import spin_data


def test_every_public_name_is_there():
    for name in spin_data.__all__:
        assert getattr(spin_data, name) is not None
    assert dir(spin_data) == sorted(spin_data.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = spin_data.nothing


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, spin_data.plugin as plugin; plugin.register_datasets(); "
        "print(*{'jax', 'grain', 'numpy', 'sphere_transforms'} & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.split() == []


def test_the_readmes_example_runs():
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)
    names = {}
    exec(example, names)
    assert names["batch"]["input"]["spin_0"].shape == (32, 32, 32, 1)
    names["batches"].close()
