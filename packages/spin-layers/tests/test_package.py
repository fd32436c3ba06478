import pathlib
import re

PACKAGE = pathlib.Path(__file__).parents[1]


def test_the_readme_example_runs():
    (example,) = re.findall(r"```python\n(.*?)```", (PACKAGE / "README.md").read_text(), re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
