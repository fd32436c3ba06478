"""Files are replaced whole or not at all."""

import pytest

import spin_data


def test_a_file_is_replaced_under_a_name_of_the_same_suffix(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")
    with spin_data.replaced_file(path) as partial:
        partial.write_text("new")
        assert partial.suffix == ".json"
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]


def test_an_error_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "scores.json"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="midway"):
        write_half_of(path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]


def test_a_missing_folder_is_reported_with_the_file_s_name(tmp_path):
    path = tmp_path / "nowhere" / "scores.json"
    with pytest.raises(FileNotFoundError) as raised, spin_data.replaced_file(path) as partial:
        partial.write_text("new")
    assert raised.value.filename == str(path)
    assert "partial" not in str(raised.value)


def write_half_of(path):
    with spin_data.replaced_file(path) as partial:
        partial.write_text("ne")
        raise RuntimeError("midway")
