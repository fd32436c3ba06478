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
        "import sys, jax; before = set(sys.modules); import sphere_transforms\n"
        "heavy = {'flax', 'optax', 'scipy', 'matplotlib', 'ducc0'} & (set(sys.modules) - before)\n"
        "assert not heavy, heavy\n"
        "from sphere_transforms import transform\n"
        "assert transform._latitude_tables.cache_info().currsize == 0\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True)
