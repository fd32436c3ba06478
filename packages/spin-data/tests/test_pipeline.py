"""Order, sharding, resumption, padding: what training and evaluation see."""

import itertools
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spin_data import ArraySource, evaluation_batches, training_iterator


def make_source(size):
    """A source whose records carry their own index, as image and as label."""
    images = np.arange(size, dtype=np.float32).reshape(-1, 1, 1, 1) * np.ones((4, 4, 1), np.float32)
    return ArraySource({"spin_0": images}, np.arange(size))


def take(count, size, batch_size, **options):
    """The indices of the first batches of a training iterator, (count, local batch)."""
    iterator = training_iterator(make_source(size), batch_size=batch_size, **options)
    batches = list(itertools.islice(iterator, count))
    iterator.close()
    for batch in batches:
        assert (batch["input"]["spin_0"][:, 0, 0, 0] == batch["label"]).all()
        assert batch["label"].dtype == np.int32
    return np.stack([batch["label"] for batch in batches])


@pytest.mark.parametrize(("size", "batch_size"), [(12, 4), (10, 4), (3, 8), (1, 2)])
def test_every_epoch_has_every_example_once_in_a_new_order(size, batch_size):
    stream = take(6 * size, size, batch_size, seed=1).ravel()
    epochs = stream[: stream.size // size * size].reshape(-1, size)
    for epoch in epochs:
        assert sorted(epoch) == list(range(size))
    if size > 3:
        assert len(np.unique(epochs, axis=0)) > len(epochs) // 2


def test_the_seed_decides():
    first, again = take(5, 50, 10, seed=3), take(5, 50, 10, seed=3, num_threads=0)
    np.testing.assert_array_equal(first, again)
    assert (first != take(5, 50, 10, seed=4)).any()


@pytest.mark.parametrize("process_count", [2, 4])
def test_processes_share_the_single_process_batch(process_count):
    alone = take(9, 21, 8, seed=0)
    shared = [
        take(9, 21, 8, seed=0, process_index=process, process_count=process_count)
        for process in range(process_count)
    ]
    np.testing.assert_array_equal(np.concatenate(shared, axis=1), alone)


@pytest.mark.parametrize("start_step", [0, 1, 5, 6, 17])
def test_resumes_at_a_step_with_any_number_of_processes(start_step):
    expected = take(20, 21, 4, seed=2)[start_step : start_step + 3]
    np.testing.assert_array_equal(take(3, 21, 4, seed=2, start_step=start_step), expected)
    halves = [
        take(3, 21, 4, seed=2, start_step=start_step, process_index=process, process_count=2)
        for process in range(2)
    ]
    np.testing.assert_array_equal(np.concatenate(halves, axis=1), expected)


def test_the_iterators_own_state_counts_global_steps():
    source = make_source(21)
    iterator = training_iterator(source, batch_size=4, seed=2, start_step=3)
    next(iterator)
    state = iterator.get_state()
    expected = next(iterator)["label"]
    other = training_iterator(source, batch_size=4, seed=2)
    other.set_state(state)
    np.testing.assert_array_equal(next(other)["label"], expected)
    iterator.close()
    other.close()


def stream(first_step, count, process_count, **options):
    """The global batches' labels and rotations, as processes that read alone see them."""
    parts = []
    for process in range(process_count):
        iterator = training_iterator(
            make_source(31),
            batch_size=12,
            seed=7,
            rotate=True,
            start_step=first_step,
            process_index=process,
            process_count=process_count,
            **options,
        )
        batches = list(itertools.islice(iterator, count))
        iterator.close()
        parts.append([(batch["label"], batch["rotation"]) for batch in batches])
    labels = [np.concatenate([label for label, _ in step]) for step in zip(*parts, strict=True)]
    turns = [np.concatenate([turn for _, turn in step]) for step in zip(*parts, strict=True)]
    return np.stack(labels), np.stack(turns)


def test_one_process_and_four_see_the_same_examples_with_the_same_rotations():
    for alone, shared in zip(stream(0, 12, 1), stream(0, 12, 4), strict=True):
        np.testing.assert_array_equal(alone, shared)


@given(
    step=st.integers(0, 400), before=st.sampled_from([1, 2, 3]), after=st.sampled_from([1, 2, 3])
)
@settings(max_examples=25, deadline=None)
def test_stopped_anywhere_the_sequence_goes_on_with_any_number_of_processes(step, before, after):
    labels, turns = stream(step, 6, before)
    labels_after, turns_after = stream(step + 3, 3, after)
    np.testing.assert_array_equal(labels[3:], labels_after)
    np.testing.assert_array_equal(turns[3:], turns_after)


def test_rotations_are_new_every_time_and_uniform():
    """alpha, cos(beta) and gamma are uniform, and no example has the same one in two epochs."""
    labels, turns = stream(0, 400, 1)
    turns, labels = turns.reshape(-1, 3), labels.ravel()
    assert turns.dtype == np.float32
    assert len(np.unique(turns, axis=0)) == len(turns)
    for values in (
        turns[:, 0] / (2 * np.pi),
        (np.cos(turns[:, 1]) + 1) / 2,
        turns[:, 2] / 2 / np.pi,
    ):
        assert stats.kstest(values, "uniform").pvalue > 1e-3
    # Nor do examples drawn at one step share theirs, or one rotation depend on the example.
    assert abs(np.corrcoef(labels, turns[:, 0])[0, 1]) < 0.06
    other = training_iterator(make_source(31), batch_size=12, seed=8, rotate=True)
    assert (next(other)["rotation"] != turns[:12]).any()
    other.close()


def test_worker_processes_read_the_same(tmp_path):
    script = tmp_path / "reads.py"
    script.write_text(
        textwrap.dedent(
            """
            import itertools

            import numpy as np

            from spin_data import ArraySource, InMemorySource, training_iterator


            class Slow:
                def __len__(self):
                    return 50

                def __getitem__(self, index):
                    return {"input": {"spin_0": np.full((4, 4, 1), index, np.uint8)}, "label":
                    index}


            def read(**options):
                source = InMemorySource(Slow(), "a test")
                iterator = training_iterator(
                    source, batch_size=6, seed=3, start_step=11, rotate=True, **options
                )
                batches = [
                    (b["label"].copy(), b["rotation"].copy(), b["input"]["spin_0"].copy())
                    for b in itertools.islice(iterator, 20)
                ]
                iterator.close()
                return batches


            if __name__ == "__main__":
                for here, there in zip(read(), read(num_workers=2), strict=True):
                    for one, other in zip(here, there, strict=True):
                        np.testing.assert_array_equal(one, other)
                print("the same")
            """
        )
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert ran.stdout.strip() == "the same", ran.stderr


@pytest.mark.parametrize("process_count", [1, 2, 4])
@pytest.mark.parametrize("size", [1, 7, 8, 9, 17])
def test_evaluation_sees_every_example_once(size, process_count):
    seen = []
    for process in range(process_count):
        batches = evaluation_batches(
            make_source(size), batch_size=8, process_index=process, process_count=process_count
        )
        for _ in range(2):  # an iterable, not an iterator
            collected = list(batches)
            assert len(collected) == -(-size // 8)
        for batch in collected:
            assert batch["label"].shape == batch["mask"].shape == (8 // process_count,)
            assert batch["mask"].dtype == bool
            seen.extend(batch["label"][batch["mask"]])
    assert sorted(seen) == list(range(size))


def test_evaluation_keeps_the_order_and_masks_the_end():
    *_, last = evaluation_batches(make_source(10), batch_size=4)
    assert last["mask"].tolist() == [True, True, False, False]
    assert last["label"].tolist() == [8, 9, 9, 9]


def test_without_padding_the_remainder_is_left_out():
    batches = list(evaluation_batches(make_source(10), batch_size=4, pad=False))
    assert np.concatenate([batch["label"] for batch in batches]).tolist() == list(range(8))
    assert all(batch["mask"].all() for batch in batches)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 6, "process_count": 4}, "batch_size is 6, expected a positive mult.*, 4"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"process_index": 2, "process_count": 2}, r"process_index is 2, expected one in \[0, 2\)"),
        ({"process_index": -1}, "process_index is -1"),
        ({"num_threads": -1}, "num_threads is -1"),
    ],
)
def test_arguments_out_of_range_are_refused(options, message):
    options = {"batch_size": 4} | options
    with pytest.raises(ValueError, match=message):
        training_iterator(make_source(5), seed=0, **options)
    with pytest.raises(ValueError, match=message):
        evaluation_batches(make_source(5), **options)


def test_further_refusals():
    with pytest.raises(ValueError, match="seed is -1"):
        training_iterator(make_source(5), batch_size=2, seed=-1)
    with pytest.raises(ValueError, match="start_step is -3"):
        training_iterator(make_source(5), batch_size=2, seed=0, start_step=-3)
    with pytest.raises(ValueError, match="source is empty"):
        training_iterator(make_source(0), batch_size=2, seed=0)
    with pytest.raises(ValueError, match="5 examples, fewer than one batch of 8"):
        evaluation_batches(make_source(5), batch_size=8, pad=False)
