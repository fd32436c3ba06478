"""Options that a user may give on the command line, and that no network can have."""

import numpy as np
import pytest
from flax import nnx

import sphere_transforms as st
import spin_registry as sr

NUMBERS = (2, -1, 0, 1.5, None, True, float("nan"), float("inf"), 10**30)
WORDS = ("word", "", ["a", "b", "c"], ["no", "no", "no"], [[1], [1], [1]], {"a": 1}, [None, 2, 2])
NOT_FOR = {
    "widths": (*NUMBERS, *WORDS, [2, 2], [0, 2, 2], [1.5, 2, 2], [True, 2, 2]),
    "spins": (*NUMBERS, *WORDS, [], [99]),
    "filter_values": (*NUMBERS, *WORDS[:-1], [2, 2], [1, 2, 2], [2.5, 2, 2]),
    "pool": (*NUMBERS, *WORDS, [True], [2, 0, 0]),
    "pooling": (*NUMBERS, *WORDS),
    "nonlinearity": (*NUMBERS, *WORDS),
    "momentum": (*(n for n in NUMBERS if n != 0), *WORDS, [0.9], 1, -0.1),
    "dtype": (*NUMBERS, *WORDS, "int32", "complex64", "float64"),
}
OF_CNN = ("widths", "pool", "momentum", "dtype")


def create(name, **options):
    return sr.get_model(name).create(
        input=sr.FieldSpec(st.EquiangularGrid(16), {0: 1}),
        output=sr.ClassSpec(3),
        rngs=nnx.Rngs(0),
        **options,
    )


CASES = [("tiny_classifier", option) for option in NOT_FOR]
CASES += [("tiny_cnn_classifier", option) for option in OF_CNN]


@pytest.mark.parametrize(("model", "option"), CASES)
def test_an_option_that_no_network_can_have_is_refused_by_name(model, option):
    for value in NOT_FOR[option]:
        with pytest.raises(ValueError, match=option.removesuffix("s")) as refusal:
            create(model, **{option: value})
        assert "\n" not in str(refusal.value), value
        assert str(refusal.value).endswith("."), value


def test_numbers_of_numpy_and_a_momentum_of_zero_are_options():
    model = create(
        "tiny_classifier", widths=np.array([2, 3, 4]), spins=np.arange(2), momentum=np.float32(0)
    )
    assert [block.convolution.channels_out for block in model.blocks] == [
        {0: width, 1: width} for width in (2, 3, 4)
    ]
