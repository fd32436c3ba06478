"""The pages in docs/: their Python runs, and what they point to is there."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page):
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def test_the_training_loop_of_ones_own_learns(capsys):
    (code,) = (block for block in blocks("plugins.md") if "train_step" in block)
    namespace = {}
    exec(compile(code, "docs/plugins.md", "exec"), namespace)
    losses = namespace["losses"]
    assert losses[-1] < 0.9 * losses[0]
    assert capsys.readouterr().out.startswith("loss ")


def test_the_linen_model_is_called_like_any_other():
    import jax.numpy as jnp
    from flax import nnx

    import sphere_transforms as st
    import spin_registry as sr

    (code,) = (block for block in blocks("plugins.md") if "ToNNX" in block)
    namespace = {}
    exec(compile(code, "docs/plugins.md", "exec"), namespace)
    grid = st.EquiangularGrid(8)
    model = namespace["LinenNet"](sr.FieldSpec(grid, {0: 1}), sr.ClassSpec(3), rngs=nnx.Rngs(0))
    images = {0: jnp.ones((2, *grid.shape, 1))}
    before = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    assert model(images, train=True).shape == (2, 3)
    after = nnx.to_pure_dict(nnx.state(model, nnx.BatchStat))
    assert not jnp.array_equal(
        before["net"]["BatchNorm_0"]["mean"], after["net"]["BatchNorm_0"]["mean"]
    )


def test_the_grid_of_ones_own_carries_its_band_limit():
    import jax
    import numpy as np

    import sphere_transforms as st

    (code,) = (block for block in blocks("plugins.md") if "st.RingGrid" in block)
    namespace = {}
    exec(compile(code, "docs/plugins.md", "exec"), namespace)
    (kind,) = (
        value
        for value in namespace.values()
        if isinstance(value, type) and issubclass(value, st.RingGrid) and value is not st.RingGrid
    )
    grid = kind(16)
    transform = st.SpinTransform(grid, (0, 1))
    coefficients = st.random_coefficients(jax.random.key(0), {0: 1, 1: 1}, grid.band_limit)
    found = transform.forward(transform.inverse(coefficients))
    for spin, values in coefficients.items():
        np.testing.assert_allclose(found[spin], values, atol=1e-5)


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", (DOCS / page).read_text()):
        if not target.startswith("http"):
            assert (DOCS / target).exists(), target


def test_the_readme_prints_what_it_says(capsys):
    page = (DOCS.parent / "README.md").read_text()
    code, expected = re.search(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", page, re.DOTALL
    ).groups()
    code = code.replace('"docs/', f'"{DOCS.as_posix()}/')
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert re.sub(r"[\d. -]", "", printed) == re.sub(r"[\d. -]", "", expected)
    assert numbers(printed) == pytest.approx(numbers(expected), abs=0.11, rel=0)


def numbers(text):
    return [float(word) for word in re.findall(r"-?\d+\.?\d*", text)]


def test_the_tutorial_prints_what_it_says(capsys, monkeypatch, tmp_path):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    page = (DOCS / "tutorial.md").read_text()
    namespace, printed = {}, []
    for code in blocks("tutorial.md"):
        code = code.replace('"docs/', f'"{DOCS.as_posix()}/')
        code = code.replace('"turning.png"', f'"{(tmp_path / "turning.png").as_posix()}"')
        exec(compile(code, "docs/tutorial.md", "exec"), namespace)
        printed.append(capsys.readouterr().out)
    shown = re.findall(r"```text\n(.*?)```", page, re.DOTALL)
    printed = [text for text in printed if text]
    assert len(printed) == len(shown) == 4
    # Shapes; logits, rounded to a tenth; differences in percent.
    for text, expected, rounding in zip(printed, shown, (0, 0.11, 1.01, 0.11), strict=True):
        assert re.sub(r"[\d. -]", "", text) == re.sub(r"[\d. -]", "", expected)
        assert numbers(text) == pytest.approx(numbers(expected), abs=rounding, rel=0)
    for logits in (printed[1], printed[3]):
        assert {line[11:14] for line in logits.splitlines()} == {"a 5"}
    assert (tmp_path / "turning.png").stat().st_size > 10_000
