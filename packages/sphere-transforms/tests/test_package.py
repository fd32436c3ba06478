import pathlib
import re
import subprocess
import sys

PACKAGE = pathlib.Path(__file__).parents[1]


def test_the_readme_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})


def test_importing_computes_nothing_and_needs_no_neural_network_library():
    program = (
        "import sys, jax; before = set(sys.modules); import sphere_transforms as st\n"
        "libraries = {'flax', 'optax', 'scipy', 'matplotlib', 'ducc0', 'healpy', 's2fft'}\n"
        "assert not libraries & (set(sys.modules) - before)\n"
        "assert not jax._src.xla_bridge.backends_are_initialized()\n"
        "from sphere_transforms.fourier import unequal_rings\n"
        "from sphere_transforms.legendre import recursion, tables\n"
        "caches = [tables.make_functions, recursion.make_functions,\n"
        "          unequal_rings.make_ring_tables]\n"
        "assert [cache.cache_info().currsize for cache in caches] == [0, 0, 0]\n"
        "st.SpinTransform(st.EquiangularGrid(8), method='tables')\n"
        "assert caches[0].cache_info().currsize == 1\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
