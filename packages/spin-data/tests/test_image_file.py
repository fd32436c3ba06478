"""Image files as fields: formats, shapes, orientation, colours, and damage."""

import os

import numpy as np
import pytest
from PIL import Image

import spin_registry as sr
from sphere_transforms import EquiangularGrid, HealpixGrid
from spin_data import (
    image_size,
    read_image,
    read_panorama,
    sample_panorama,
)
from spin_data.user_files.libtiff_messages import captured_libtiff_messages

RNG = np.random.default_rng(0)


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def test_other_shapes_are_padded_and_large_ones_averaged(tmp_path):
    for name in ("a", "b"):
        wide = np.zeros((20, 64), np.uint8)
        wide[:, ::2] = 255  # stripes finer than the grid: grey when averaged
        save(tmp_path / name / "wide.png", wide)
    dataset = sr.get_dataset(f"images:{tmp_path}").load(
        resolution=16, grayscale=True, validation=0, test=0
    )
    field = dataset.splits["train"][0]["input"]["spin_0"]
    assert field.shape == (16, 16, 1)
    assert 110 < field[-1].mean() < 145  # the south pole shows the middle
    # Grey all over, not black and white by turns: along the picture's middle line.
    assert np.ptp(field[-3:, [0, 8]].astype(float)) < 60
    assert field[EquiangularGrid(16).colatitudes < np.pi / 2].max() == 0


def smooth(theta, phi):
    """Band-limited, without symmetry, in [0, 1]."""
    x, y, z = np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)
    return 0.5 + 0.2 * x + 0.1 * y * z - 0.15 * z + 0.05 * x * y


def panorama_of(height, width):
    theta = np.pi * (np.arange(height) + 0.5) / height
    phi = 2 * np.pi * (np.arange(width) + 0.5) / width
    return smooth(theta[:, None], phi[None])


@pytest.mark.parametrize("grid", [EquiangularGrid(32), HealpixGrid(8)], ids=repr)
@pytest.mark.parametrize(("height", "width"), [(200, 400), (180, 240)])
def test_panoramas_are_sampled_where_they_are(height, width, grid):
    expected = smooth(*grid.points)
    found = sample_panorama(panorama_of(height, width)[..., None], grid)[..., 0]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_panorama_has_no_seam_and_passes_over_the_poles():
    """At the edge and at the poles the error is no larger than in the middle."""
    grid = EquiangularGrid(64)
    errors = []
    for height in (40, 80):
        found = sample_panorama(panorama_of(height, 2 * height)[..., None], grid)[..., 0]
        errors.append(abs(found - smooth(grid.colatitudes[:, None], grid.longitudes[None])))
    for error in errors:
        assert error[:, [0, -1]].max() < 1.5 * error[:, 10:50].max()
        assert error[[0, -1]].max() < 1.5 * error[10:50].max()
        assert error[0].max() == pytest.approx(error[0].min(), abs=2e-3)
    assert errors[1].max() < errors[0].max() / 3  # second order


def test_fine_panoramas_are_averaged(tmp_path):
    smooth_part = 40 + 175 * panorama_of(320, 640)
    noise = np.random.default_rng(0).choice([-40, 40], smooth_part.shape)
    for name in ("a", "b"):
        save(tmp_path / name / "p.png", np.rint(smooth_part + noise).astype(np.uint8))
    dataset = sr.get_dataset(f"panoramas:{tmp_path}").load(
        resolution=16, grayscale=True, validation=0, test=0
    )
    field = dataset.splits["train"][0]["input"]["spin_0"][..., 0]
    grid = EquiangularGrid(16)
    expected = 40 + 175 * smooth(grid.colatitudes[:, None], grid.longitudes[None])
    # 200 pixels of noise 40 leave 4, and interpolation between averages less.
    np.testing.assert_allclose(field, expected, atol=14)


@pytest.mark.parametrize("read", [read_image, read_panorama])
def test_files_are_read_onto_healpix(tmp_path, read):
    """Fine pixels are averaged first, as for a grid of rings with as many samples."""
    rows, columns = np.indices((150, 300)) / 50
    values = np.uint8(127 * (1 + np.sin(rows) * np.cos(columns)))
    save(tmp_path / "wide.png", values)
    found = read(tmp_path / "wide.png", HealpixGrid(16), grayscale=True)
    assert found.shape == (3072, 1)
    fine = EquiangularGrid(128)
    on_rings = read(tmp_path / "wide.png", fine, grayscale=True)[..., 0]
    theta, phi = HealpixGrid(16).points
    row = np.rint(theta / np.pi * (fine.shape[0] - 1)).astype(int)
    column = np.rint(phi / (2 * np.pi) * fine.shape[1]).astype(int) % fine.shape[1]
    difference = np.abs(found[:, 0] - on_rings[row, column])
    assert np.mean(difference) < 3
    assert np.mean(np.abs(np.roll(found[:, 0], 500) - on_rings[row, column])) > 20


def test_photographs_are_turned_upright(tmp_path):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0, 4] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # taken upside down
    for name in ("a", "b"):
        save(tmp_path / "plain" / name / "0.png", pixels[::-1, ::-1].copy())
        (tmp_path / "exif" / name).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "exif" / name / "0.png", exif=exif)
    plain, turned = (
        sr.get_dataset(f"images:{tmp_path / kind}").load(resolution=16, validation=0, test=0)
        for kind in ("plain", "exif")
    )
    np.testing.assert_array_equal(
        plain.splits["train"][0]["input"]["spin_0"], turned.splits["train"][0]["input"]["spin_0"]
    )


def test_transparent_pixels_are_black(tmp_path):
    pixels = np.full((8, 8, 4), 255, np.uint8)
    pixels[..., 3] = 0
    for name in ("a", "b"):
        save(tmp_path / name / "0.png", pixels)
    for kind in ("images", "panoramas"):
        if kind == "panoramas":
            for name in ("a", "b"):
                save(tmp_path / name / "0.png", np.repeat(pixels, 2, axis=1))
        dataset = sr.get_dataset(f"{kind}:{tmp_path}").load(resolution=8, validation=0, test=0)
        assert dataset.splits["train"][0]["input"]["spin_0"].max() == 0


@pytest.mark.parametrize("kind", ["images", "panoramas"])
def test_odd_images_are_read_or_named(tmp_path, kind, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.new("1", (9, 5), 1).save(tmp_path / name / "bit.png")
        Image.new("P", (40, 20)).save(tmp_path / name / "palette \u00e9.gif")
        Image.new("CMYK", (60, 30)).save(tmp_path / name / "c.tif")
        Image.new("RGB", (1, 1), (255, 0, 0)).save(tmp_path / name / "one.png")
        size = (2, 900) if kind == "images" else (1800, 900)
        Image.new("RGB", size, (9, 100, 3)).save(tmp_path / name / "large.png")
        Image.new("L", (3, 2)).save(os.fsencode(tmp_path / name) + b"/\xff.png")
    load = sr.get_dataset(f"{kind}:{tmp_path}").load
    source = load(resolution=16, validation=0, test=0, seed=3).splits["train"]
    assert len(source) == 12
    assert all(source[i]["input"]["spin_0"].shape == (16, 16, 3) for i in range(12))
    Image.new("LAB", (8, 8)).save(tmp_path / "a" / "lab.tif")
    Image.new("RGB", (100, 50)).save(tmp_path / "a" / "large.png")
    source = load(resolution=16, validation=0, test=0).splits["train"]
    by_name = {file.name: i for i, (file, label) in enumerate(source.files) if label == 0}
    with pytest.raises(ValueError, match=r"a/lab.tif: pixels of mode 'LAB'"):
        source[by_name["lab.tif"]]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match=r"a/large.png: more than .* pixels; make it smaller"):
        source[by_name["large.png"]]


def test_only_images_of_known_formats_are_opened(tmp_path, monkeypatch):
    """Whatever their names are: PostScript would start Ghostscript."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "gs").write_text(f"#!/bin/sh\n: > {tmp_path}/started\n")
    (tmp_path / "gs").chmod(0o755)
    contents = {
        "ps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n",
        "emf": b"\x01\0\0\0" + b"\0" * 36 + b" EMF" + b"\0" * 80,
        "dds": b"DDS |\0\0\0" + b"\0" * 120,
        "empty": b"",
    }
    for name, content in contents.items():
        (tmp_path / f"{name}.png").write_bytes(content)
        for read in (read_image, read_panorama):
            with pytest.raises(ValueError, match=rf"{name}.png: cannot be read \(not an image of"):
                read(tmp_path / f"{name}.png", EquiangularGrid(8))
        with pytest.raises(ValueError, match=rf"{name}.png: cannot be read"):
            image_size(tmp_path / f"{name}.png")
    assert not (tmp_path / "started").exists()


def test_a_pipe_is_not_waited_for(tmp_path):
    Image.new("L", (8, 4)).save(tmp_path / "good.png")
    assert image_size(str(tmp_path / "good.png")) == (8, 4)  # paths may be text
    for read in (read_image, read_panorama):
        assert read(str(tmp_path / "good.png"), EquiangularGrid(8)).shape == (8, 8, 3)
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ValueError, match=r"pipe.png: not a regular file"):
        read_image(tmp_path / "pipe.png", EquiangularGrid(8))
    with pytest.raises(ValueError, match=r"pipe.png: not a regular file"):
        image_size(tmp_path / "pipe.png")
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        image_size(tmp_path / "gone.png")


@pytest.mark.parametrize("kind", ["png", "jpg", "gif", "bmp", "ppm", "webp", "lzw", "jpeg"])
def test_damaged_images_are_read_or_named(tmp_path, kind, capfd):
    """Seeded damage of every format that is read; libtiff prints nothing."""
    file = tmp_path / (f"x.{kind}" if kind not in ("lzw", "jpeg") else "x.tif")
    compression = {"lzw": "tiff_lzw", "jpeg": "jpeg"}.get(kind)
    options = {"compression": compression} if compression else {}
    Image.fromarray(RNG.integers(0, 256, (24, 48, 3), np.uint8)).save(file, **options)
    intact, random, outcomes = file.read_bytes(), np.random.default_rng(3), []
    assert read_panorama(file, EquiangularGrid(8)).shape == (8, 8, 3)
    for attempt in range(40):
        content = bytearray(intact)
        places = random.integers(8 if attempt % 2 else 0, min(200, len(content)), 4)
        content[places[0]] ^= 0xFF
        content[places[1]] = 0
        file.write_bytes(content[: len(content) // 2] if attempt % 5 == 0 else content)
        for read in (read_panorama, read_image):
            try:
                outcomes.append(read(file, EquiangularGrid(8)).shape)
            except ValueError as error:
                outcomes.append(str(file) in str(error))
    assert set(outcomes) <= {(8, 8, 3), True}
    assert True in outcomes
    assert capfd.readouterr().err == ""


def test_what_libtiff_prints_is_part_of_the_error(tmp_path, capfd):
    file = tmp_path / "x.tif"
    pixels = RNG.integers(0, 256, (24, 24, 3), np.uint8)
    Image.fromarray(pixels).save(file, compression="tiff_adobe_deflate")
    content = bytearray(file.read_bytes())
    content[200:230] = bytes(30)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"x.tif: cannot be read \(decoder error -2; ZIPDecode: "):
        read_image(file, EquiangularGrid(8))
    assert capfd.readouterr().err == ""
    with captured_libtiff_messages() as messages:
        os.write(2, b"Some: Warning.\nanother thread's words\n")
    assert messages == ["Some: Warning."]
    assert capfd.readouterr().err == "another thread's words\n"


def test_colours_are_converted_as_documented(tmp_path):
    """CMYK, palettes with transparent entries, 16 bits, and the first picture of an animation."""
    grid = EquiangularGrid(8)

    def middle(name, image, **options):
        image.save(tmp_path / name, **options)
        return np.unique(read_image(tmp_path / name, grid)[-1], axis=0).tolist()

    assert middle("cmyk.tif", Image.new("CMYK", (8, 8), (0, 255, 255, 0))) == [[255, 0, 0]]
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 200, 30])
    assert middle("plain.png", palette) == [[10, 200, 30]]
    assert middle("clear.png", palette, transparency=1) == [[0, 0, 0]]
    assert middle("half.png", palette, transparency=bytes([255, 0])) == [[0, 0, 0]]
    second = Image.new("P", (8, 8), 0)
    second.putpalette([0, 0, 0, 10, 200, 30])
    animation = {"save_all": True, "append_images": [second]}
    assert middle("moves.gif", palette, **animation) == [[10, 200, 30]]
    header = b"P6 8 8 65535\n"
    (tmp_path / "deep.ppm").write_bytes(header + np.full(192, 0x80FF, ">u2").tobytes())
    # PPM's 16 bits are scaled; PNG's and TIFF's lose their lower byte.
    assert read_image(tmp_path / "deep.ppm", grid)[-1, 0, 0] in (128, 129)
    Image.fromarray(np.full((8, 8), 3, np.uint16)).save(tmp_path / "grey.png")
    with pytest.raises(ValueError, match=r"grey.png: pixels of mode 'I;16'"):
        read_image(tmp_path / "grey.png", grid)
