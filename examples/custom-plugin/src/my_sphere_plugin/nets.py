"""A network of one's own: spins {0, 1, 2}, spectral pooling, phase collapse."""

from flax import nnx

import sphere_transforms as st
import spin_layers as sl
import spin_registry as sr


class ThreeSpins(nnx.Module):
    """Two convolutions with spins 0, 1 and 2, then invariants and a dense layer."""

    def __init__(
        self, input: sr.FieldSpec, output: sr.ClassSpec, *, rngs: nnx.Rngs, width: int = 8
    ):
        channels = dict.fromkeys((0, 1, 2), width)
        self.grid = st.EquiangularGrid(input.grid.resolution // 2)
        self.lift = sl.SpinConvolution(
            input.grid, input.channels, channels, output_grid=self.grid, filter_values=4, rngs=rngs
        )
        # 0.9 suits short trainings: with 0.99, a fifth of the initial statistics is left after 150
        # steps.
        self.normalize = sl.SpinBatchNormalization(self.grid, channels, momentum=0.9)
        self.bend = sl.MagnitudeNonlinearity(channels)
        self.mix = sl.SpinConvolution(self.grid, channels, channels, rngs=rngs)
        self.normalize_again = sl.SpinBatchNormalization(self.grid, channels, momentum=0.9)
        self.collapse = sl.PhaseCollapse(channels, rngs=rngs)
        self.bend_again = sl.MagnitudeNonlinearity(channels)
        self.head = nnx.Linear(3 * width, output.num_classes, rngs=rngs)

    def __call__(self, field, *, train: bool = False):
        """Logits of a field."""
        field = self.bend(self.normalize(self.lift(field), train=train))
        field = self.normalize_again(self.mix(field), train=train)
        return self.head(sl.global_pool(self.bend_again(self.collapse(field)), self.grid))
