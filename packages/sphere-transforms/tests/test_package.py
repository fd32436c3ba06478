import pathlib
import re
import subprocess
import sys

import pytest

import sphere_transforms as st

PACKAGE = pathlib.Path(__file__).parents[1]


def test_the_readme_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})


def test_importing_computes_nothing_and_needs_no_neural_network_library():
    program = (
        "import sys, jax; before = set(sys.modules); import sphere_transforms as st\n"
        "for name in st.__all__: getattr(st, name)\n"
        "libraries = {'flax', 'optax', 'scipy', 'matplotlib', 'ducc0', 'healpy', 's2fft'}\n"
        "assert not libraries & (set(sys.modules) - before)\n"
        "assert not jax._src.xla_bridge.backends_are_initialized()\n"
        "from sphere_transforms.array_cache import CACHE\n"
        "assert CACHE.size == 0\n"
        "st.SpinTransform(st.EquiangularGrid(8), method='tables')\n"
        "assert CACHE.size > 0\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)


def test_importing_the_package_alone_is_light_and_every_name_loads():
    program = (
        "import sys, sphere_transforms\n"
        "assert not {'jax', 'numpy'} & set(sys.modules)\n"
        "import sphere_transforms.grids\n"
        "assert sphere_transforms.fields.stack is sphere_transforms.stack\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
    for name in st.__all__:
        assert getattr(st, name) is not None
    assert dir(st) == sorted(st.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = st.nothing
