"""Movies of every kind: which frames, at which times, with which gray values."""

import subprocess

import imageio_ffmpeg
import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_motionseg.errors import (
    MemoryBudgetError,
    MissingDecoderError,
    PartialReadWarning,
    ReadError,
)
from napari_motionseg.io import read_cine, read_cines
from napari_motionseg.io.dicom_writer import write_xa

T, H, W = 8, 48, 64


@pytest.fixture
def loop():
    """Bright ground, darker from frame to frame, a dark bar that moves down."""
    frames = np.empty((T, H, W), np.uint8)
    for t in range(T):
        frames[t] = 200 - 10 * t
        frames[t, 4 * t : 4 * t + 4, 10:54] = 40
    return frames


def pixels(path):
    return read_cine(path).frames[:]


def ffmpeg(path, frames, *words, rate=20):
    """Encode gray frames."""
    height, width = frames.shape[1:]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error",
               "-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}",
               "-r", str(rate), "-i", "-", *words, str(path)]  # fmt: skip
    subprocess.run(command, input=frames.tobytes(), check=True)
    return path


X264 = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p")


def test_frames_of_a_variable_rate_come_once_at_their_own_times(tmp_path, loop):
    path = ffmpeg(
        tmp_path / "pause.mp4", loop, "-vf", "setpts=PTS+if(gt(N\\,3)\\,10/20/TB\\,0)",
        "-fps_mode", "vfr", *X264,
    )  # fmt: skip
    cine = read_cine(path)
    wanted = 50.0 * np.array([0, 1, 2, 3, 14, 15, 16, 17])
    np.testing.assert_allclose(cine.frame_times, wanted, atol=0.1)
    assert np.abs(cine.frames[:].astype(int) - loop).max() <= 2


def test_times_of_a_long_video_are_not_rounded(tmp_path, loop):
    path = ffmpeg(
        tmp_path / "late.mkv", loop, "-vf", "setpts=PTS+4321.123/TB", *X264, rate=30
    )
    times = read_cine(path).frame_times
    np.testing.assert_allclose(np.diff(times), 1000 / 30, atol=1.1)  # mkv counts ms
    assert times[0] == 0


@pytest.mark.parametrize("suffix", ["avi", "mkv", "mov"])
def test_containers_with_sound_and_odd_sides(tmp_path, loop, suffix):
    odd = np.ascontiguousarray(loop[:, :47, :63])
    sound = ("-f", "lavfi", "-i", "sine=duration=2", "-c:a", "pcm_s16le")
    path = ffmpeg(tmp_path / f"sound.{suffix}", odd, *sound, "-c:v", "mjpeg",
                  "-q:v", "1", "-pix_fmt", "yuvj444p")  # fmt: skip
    cine = read_cine(path)
    assert cine.shape == odd.shape
    assert cine.frame_interval == pytest.approx(50, abs=1)
    assert np.abs(cine.frames[:].astype(int) - odd).mean() < 2


def test_a_rotated_video_is_read_as_it_is_shown(tmp_path, loop):
    plain = ffmpeg(tmp_path / "plain.mp4", loop, *X264)
    turned = tmp_path / "turned.mp4"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error",
               "-display_rotation", "90", "-i", str(plain), "-c", "copy",
               str(turned)]  # fmt: skip
    subprocess.run(command, check=True)
    shown = np.rot90(pixels(plain), 1, axes=(1, 2))
    np.testing.assert_array_equal(pixels(turned), shown)


def test_gray_of_16_bits_stays_16_bits(tmp_path, loop):
    deep = loop.astype("<u2") * 257
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "rawvideo",
               "-pix_fmt", "gray16le", "-s", f"{W}x{H}", "-i", "-", "-c:v", "ffv1",
               str(tmp_path / "deep.mkv")]  # fmt: skip
    subprocess.run(command, input=deep.tobytes(), check=True)
    np.testing.assert_array_equal(pixels(tmp_path / "deep.mkv"), deep)


@pytest.mark.parametrize("words", [("-movflags", "faststart"), ("-g", "1")])
def test_a_cut_video_warns(tmp_path, loop, words):
    noise = np.random.default_rng(0).integers(0, 255, loop.shape).astype(np.uint8)
    suffix = "mp4" if "faststart" in words else "avi"
    codec = X264 if suffix == "mp4" else ("-c:v", "ffv1")
    path = ffmpeg(tmp_path / f"cut.{suffix}", noise, *codec, *words)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    with pytest.warns(PartialReadWarning, match=r"ends too early; [1-7] frames"):
        cine = read_cine(path)
    assert 0 < len(cine) < T


def test_a_playlist_named_as_a_video_opens_nothing(tmp_path, loop):
    ffmpeg(tmp_path / "secret.mp4", loop, *X264)
    path = tmp_path / "list.mp4"
    path.write_text("ffconcat version 1.0\nfile secret.mp4\n")
    with pytest.raises(ReadError, match=r"list\.mp4"):
        read_cine(path)
    path.write_text("#EXTM3U\n#EXTINF:1,\nsecret.mp4\n#EXT-X-ENDLIST\n")
    with pytest.raises(ReadError, match=r"list\.mp4"):
        read_cine(path)


def test_a_video_over_the_budget_ends_early(tmp_path, loop):
    path = ffmpeg(tmp_path / "a.mp4", loop, *X264)
    with pytest.raises(MemoryBudgetError, match="memory budget"):
        read_cine(path, memory_budget=3 * H * W)


def write_gif(path, frames, durations):
    first, *others = [Image.fromarray(f) for f in frames]
    first.save(path, save_all=True, append_images=others, duration=durations)
    return path


def test_gif_durations_are_of_each_frame(tmp_path, loop):
    durations = [50, 200, 50, 50, 400, 50, 50, 50]
    cine = read_cine(write_gif(tmp_path / "a.gif", loop, durations))
    wanted = np.concatenate([[0], np.cumsum(durations[:-1])])
    np.testing.assert_allclose(cine.frame_times, wanted)
    np.testing.assert_array_equal(cine.frames[:], loop)


def test_gif_without_durations_has_no_times(tmp_path, loop):
    cine = read_cine(write_gif(tmp_path / "a.gif", loop, [0] * T))
    assert cine.frame_times is None
    assert "times are unknown" in cine.notes[0]
    cine = read_cine(write_gif(tmp_path / "b.gif", loop, [10] * T))
    assert cine.frame_interval == 10
    assert "100 ms" in cine.notes[0]


def test_a_cut_gif_warns(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (T, H, W)).astype(np.uint8)
    path = write_gif(tmp_path / "a.gif", noise, [40] * T)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(PartialReadWarning, match="ends too early"):
        cine = read_cine(path)
    np.testing.assert_array_equal(cine.frames[0], noise[0])
    assert 1 < len(cine) < T


def test_gif_of_a_huge_canvas(tmp_path, loop):
    path = write_gif(tmp_path / "a.gif", loop, [40] * T)
    content = bytearray(path.read_bytes())
    content[6:10] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    with pytest.raises(MemoryBudgetError):
        read_cine(path, memory_budget=2**28)


@pytest.mark.parametrize("codec", ["lzw", "zlib", "zstd", "packbits", "lzma"])
def test_compressed_tiff(tmp_path, loop, codec):
    tifffile.imwrite(tmp_path / "a.tif", loop, compression=codec, predictor=False)
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), loop)


def test_a_compression_without_decoder_names_the_remedy(tmp_path, loop):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, loop, compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        for page in file.pages:
            page.tags["Compression"].overwrite(32845)
    with pytest.raises(MissingDecoderError, match="save the file uncompressed"):
        read_cine(path)


def test_frames_that_were_appended_one_by_one(tmp_path, loop):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for frame in loop:
            writer.write(frame, contiguous=False)
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), loop)
    with tifffile.TiffWriter(tmp_path / "b.tif") as writer:
        writer.write(loop[:4], photometric="minisblack")
        writer.write(loop[4:], photometric="minisblack", contiguous=False)
    np.testing.assert_array_equal(pixels(tmp_path / "b.tif"), loop)


@pytest.mark.parametrize("marked", [0, 1])
@pytest.mark.parametrize("thumbnails", [1, 2, T])
@pytest.mark.parametrize("first", [True, False])
def test_a_thumbnail_is_never_the_loop(tmp_path, loop, marked, thumbnails, first):
    small = [frame[::4, ::4] for frame in loop[:thumbnails]]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        parts = [(small, marked), (loop, 0)]
        for images, kind in parts if first else reversed(parts):
            for image in images:
                writer.write(image, subfiletype=kind, metadata=None)
    levels = thumbnails == T and not first  # tifffile takes them for a pyramid
    if marked or levels:
        cine = read_cine(tmp_path / "a.tif")
    else:
        with pytest.warns(PartialReadWarning, match="are left out"):
            cine = read_cine(tmp_path / "a.tif")
    np.testing.assert_array_equal(cine.frames[:], loop)


def test_a_pyramid_gives_its_largest_level(tmp_path, loop):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(loop, subifds=1, metadata={"axes": "TYX"})
        writer.write(loop[:, ::2, ::2], subfiletype=1)
    np.testing.assert_array_equal(pixels(tmp_path / "a.ome.tif"), loop)


def test_two_stacks_are_a_question(tmp_path, loop):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(loop)
        writer.write(loop[:, :40, :40], contiguous=False)
    with pytest.raises(ReadError, match="holds 2 stacks"):
        read_cine(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("axes", "shape", "words"),
    [
        ("TZYX", (4, 2, H, W), "4 times x 2 slices"),
        ("TCYX", (4, 2, H, W), "4 times x 2 channels"),
        ("CYX", (3, H, W), "3 channels"),
    ],
)
def test_hyperstacks_are_a_question(tmp_path, axes, shape, words):
    stack = np.zeros(shape, np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": axes})
    with pytest.raises(ReadError, match=words):
        read_cine(tmp_path / "a.tif")


def test_slices_alone_are_frames_and_noted(tmp_path, loop):
    tifffile.imwrite(tmp_path / "a.tif", loop, imagej=True, metadata={"axes": "ZYX"})
    cine = read_cine(tmp_path / "a.tif")
    np.testing.assert_array_equal(cine.frames[:], loop)
    assert cine.notes == ("8 slices are taken as frames",)


@pytest.mark.parametrize("kind", ["u1", "u2"])
def test_white_is_zero_is_inverted(tmp_path, loop, kind):
    top = np.iinfo(kind).max
    stored = (top - loop.astype(kind)).astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="miniswhite")
    cine = read_cine(tmp_path / "a.tif")
    np.testing.assert_array_equal(cine.frames[:], loop)
    assert "WhiteIsZero" in cine.notes[0]


def test_white_is_zero_of_12_bits_in_16(tmp_path, loop):
    deep = loop.astype(np.uint16) * 16
    tifffile.imwrite(tmp_path / "a.tif", 4095 - deep, photometric="miniswhite",
                     extratags=[("MaxSampleValue", 3, 1, 4095, True)])  # fmt: skip
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), deep)


def test_palette_colours_become_luminance(tmp_path, loop):
    table = np.zeros((3, 256), np.uint16)
    table[1] = np.arange(256)[::-1] * 257  # green, turned round
    tifffile.imwrite(tmp_path / "a.tif", loop, photometric="palette", colormap=table)
    wanted = np.rint((255 - loop.astype(float)) * 0.587)
    assert np.abs(pixels(tmp_path / "a.tif") - wanted).max() <= 1


@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_colours_in_either_order(tmp_path, loop, planar):
    colours = np.repeat(loop[..., None], 3, -1)
    if planar == "separate":
        colours = np.moveaxis(colours, -1, 1)
    tifffile.imwrite(
        tmp_path / "a.tif", colours, photometric="rgb", planarconfig=planar
    )
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), loop)


def test_tiles_big_tiff_and_byte_order(tmp_path, loop):
    deep = loop.astype(np.uint16) * 20
    tifffile.imwrite(tmp_path / "a.tif", deep, tile=(16, 16), bigtiff=True,
                     byteorder=">")  # fmt: skip
    np.testing.assert_array_equal(pixels(tmp_path / "a.tif"), deep)


@pytest.mark.parametrize("kind", ["f4", "f8", "i4", "u4", "i8"])
def test_whole_numbers_in_wide_types(tmp_path, loop, kind):
    tifffile.imwrite(tmp_path / "a.tif", loop.astype(kind), photometric="minisblack")
    np.save(tmp_path / "a.npy", loop.astype(kind))
    for name in ("a.tif", "a.npy"):
        cine = read_cine(tmp_path / name)
        np.testing.assert_array_equal(cine.frames[:], loop)
        assert "whole numbers" in cine.notes[0]


@pytest.mark.parametrize(
    ("value", "words"), [(np.nan, "not finite"), (70000.5, "scale them first")]
)
def test_floats_that_are_no_gray_values(tmp_path, loop, value, words):
    wrong = loop.astype(np.float32)
    wrong[1, 2, 3] = value
    tifffile.imwrite(tmp_path / "a.tif", wrong)
    with pytest.raises(ReadError, match=words):
        read_cine(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("value", "unit", "wanted"),
    [
        (66.7, "ms", 66.7), (0.0667, "sec", 66.7), (0.0667, "s", 66.7),
        (0.0667, None, 66.7), (0.001, "min", 60), (66700, "usec", 66.7),
        (66700, "\\u00B5s", 66.7), (66.7, "Milliseconds", 66.7), (1e-5, "hours", 36),
    ],
)  # fmt: skip
def test_imagej_intervals_have_units(tmp_path, loop, value, unit, wanted):
    described = {"axes": "TYX", "finterval": value}
    if unit:
        described["tunit"] = unit
    tifffile.imwrite(tmp_path / "a.tif", loop, imagej=True, metadata=described)
    assert read_cine(tmp_path / "a.tif").frame_interval == pytest.approx(wanted)


def test_an_unknown_unit_is_said(tmp_path, loop):
    described = {"axes": "TYX", "finterval": 3, "tunit": "beats"}
    tifffile.imwrite(tmp_path / "a.tif", loop, imagej=True, metadata=described)
    cine = read_cine(tmp_path / "a.tif")
    assert cine.frame_times is None
    assert "beats" in cine.notes[0]


def test_ome_times_and_sizes(tmp_path, loop):
    described = {
        "axes": "TYX", "TimeIncrement": 0.0667, "PhysicalSizeX": 200,
        "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "mm",
    }  # fmt: skip
    tifffile.imwrite(tmp_path / "a.ome.tif", loop, metadata=described)
    cine = read_cine(tmp_path / "a.ome.tif")
    assert cine.frame_interval == pytest.approx(66.7)
    assert cine.pixel_spacing == pytest.approx((0.25, 0.2))
    assert "calibration unknown" in cine.spacing_basis


def test_ome_times_of_single_planes(tmp_path, loop):
    times = [0, 1, 2, 3, 10, 11, 12, 13]
    described = {"axes": "TYX", "Plane": {"DeltaT": times, "DeltaTUnit": ["ms"] * T}}
    tifffile.imwrite(tmp_path / "a.ome.tif", loop, metadata=described)
    np.testing.assert_allclose(read_cine(tmp_path / "a.ome.tif").frame_times, times)


def test_imagej_pixel_sizes_have_units(tmp_path, loop):
    tifffile.imwrite(tmp_path / "a.tif", loop, imagej=True, resolution=(4.0, 5.0),
                     metadata={"axes": "TYX", "unit": "mm"})  # fmt: skip
    assert read_cine(tmp_path / "a.tif").pixel_spacing == pytest.approx((0.2, 0.25))
    tifffile.imwrite(tmp_path / "b.tif", loop, resolution=(72, 72))
    assert read_cine(tmp_path / "b.tif").pixel_spacing is None


@pytest.mark.parametrize("writer", ["imagej", "pages"])
def test_a_cut_tiff_warns(tmp_path, loop, writer):
    path = tmp_path / "a.tif"
    if writer == "imagej":
        tifffile.imwrite(path, loop, imagej=True)
    else:
        first, *others = [Image.fromarray(frame) for frame in loop]
        first.save(path, save_all=True, append_images=others)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 5 // 8])
    with pytest.warns(PartialReadWarning, match=r"ends too early; [2-7] frames"):
        cine = read_cine(path)
    assert 2 <= len(cine) < T
    np.testing.assert_array_equal(cine.frames[:], loop[: len(cine)])


def test_an_ome_file_does_not_open_others(tmp_path, loop):
    tifffile.imwrite(tmp_path / "other.ome.tif", loop, metadata={"axes": "TYX"})
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, loop[:1], metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as file:
        text = file.ome_metadata
    text = text.replace('SizeT="1"', 'SizeT="8"').replace(
        "</TiffData>", ""
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "other.ome.tif") as file:
        uuid = file.ome_metadata.split('UUID="')[1].split('"')[0]
    start = text.index("<TiffData")
    end = text.index("/>", start) + 2
    named = (
        f'<TiffData FirstT="0"><UUID FileName="other.ome.tif">{uuid}</UUID></TiffData>'
    )
    tifffile.tiffcomment(path, text[:start] + named + text[end:])
    (tmp_path / "other.ome.tif").chmod(0o600)
    try:
        cine = read_cine(path)
    except ReadError:
        return
    assert len(cine) == 1


def test_tiles_that_are_far_larger_than_the_image(tmp_path, loop):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, loop[0], tile=(16, 16), compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        tags = file.pages[0].tags
        tags["TileWidth"].overwrite(65520)
        tags["TileLength"].overwrite(65520)
    with pytest.raises(ReadError):
        read_cine(path)


def test_npy_in_any_order(tmp_path, loop):
    np.save(tmp_path / "a.npy", np.asfortranarray(loop))
    np.save(tmp_path / "b.npy", loop.astype(">u2"))
    for name in ("a.npy", "b.npy"):
        np.testing.assert_array_equal(pixels(tmp_path / name), loop)


def test_npy_that_promises_too_much(tmp_path, loop):
    path = tmp_path / "a.npy"
    np.save(path, loop)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(8, 48, 64)", b"(8, 48, 65)"))
    with pytest.raises(ReadError, match="ends too early"):
        read_cine(path)
    path.write_bytes(content.replace(b"(8, 48, 64), }", b"(8, 1048576, 64000), }"))
    with pytest.raises(ReadError):
        read_cine(path)


def test_image_folders_leave_thumbnails_and_hidden_files_out(tmp_path, loop):
    for t, frame in enumerate(loop):
        Image.fromarray(frame).save(tmp_path / f"f{t}.png")
    Image.fromarray(loop[0, ::4, ::4]).save(tmp_path / "thumb.png")
    (tmp_path / "._f0.png").write_bytes(b"of the Finder")
    (tmp_path / "Thumbs.db").write_bytes(b"of the Explorer")
    with pytest.warns(PartialReadWarning, match=r"1 thumbnails are left out: thumb"):
        np.testing.assert_array_equal(pixels(tmp_path), loop)


def test_images_are_turned_as_they_are_shown(tmp_path, loop):
    for t, frame in enumerate(loop):
        image = Image.fromarray(frame)
        exif = image.getexif()
        exif[0x0112] = 6  # shown after a quarter turn clockwise
        image.save(tmp_path / f"f{t}.png", exif=exif)
    np.testing.assert_array_equal(pixels(tmp_path), np.rot90(loop, -1, axes=(1, 2)))


def test_images_of_16_bits_and_in_colours(tmp_path, loop):
    for name, wanted in (("deep", loop.astype(np.uint16) * 200), ("rgb", loop)):
        (tmp_path / name).mkdir()
        for t, frame in enumerate(wanted):
            image = Image.fromarray(frame)
            image = image.convert("RGBA") if name == "rgb" else image
            image.save(tmp_path / name / f"f{t}.png")
        np.testing.assert_array_equal(pixels(tmp_path / name), wanted)


def test_an_image_that_promises_too_much(tmp_path, loop):
    Image.new("1", (6000, 6000)).save(tmp_path / "f0.png")
    with pytest.raises(MemoryBudgetError):
        read_cine(tmp_path, memory_budget=2**27)


def test_content_decides_and_not_the_name(tmp_path, loop):
    tifffile.imwrite(tmp_path / "real.tif", loop)
    np.save(tmp_path / "real.npy", loop)
    first, *others = [Image.fromarray(frame) for frame in loop]
    first.save(tmp_path / "real.gif", save_all=True, append_images=others, duration=50)
    ffmpeg(tmp_path / "real.mkv", loop, "-c:v", "ffv1")
    suffixes = (".tif", ".npy", ".gif", ".mkv")
    for real in suffixes:
        for named in (*suffixes, ".dcm", ""):
            path = (tmp_path / f"real{real}").rename(tmp_path / f"named{named}")
            cine = read_cine(path)
            np.testing.assert_array_equal(cine.frames[:], loop)
            assert ("whatever the name" in " ".join(cine.notes)) == (real != named)
            path.rename(tmp_path / f"real{real}")


def test_dicom_named_like_an_image(tmp_path, small_cine):
    write_xa(tmp_path / "a.dcm", small_cine)
    path = (tmp_path / "a.dcm").rename(tmp_path / "a.png")
    assert read_cine(path).shape == small_cine.shape


def test_a_damaged_movie_among_good_ones_is_left_out(tmp_path, loop):
    np.save(tmp_path / "good.npy", loop)
    (tmp_path / "bad.mp4").write_bytes(b"no movie")
    with pytest.warns(PartialReadWarning, match=r"left out: .*bad\.mp4"):
        assert [cine.name for cine in read_cines(tmp_path)] == ["good"]


def test_hidden_folders_and_caches_hold_no_loops(tmp_path, loop):
    np.save(tmp_path / "good.npy", loop)
    for name in (".motionseg-tmp-host-1-ab", "cache"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "other.npy", loop)
    (tmp_path / "cache" / "CACHEDIR.TAG").write_text("Signature: ...")
    assert [cine.name for cine in read_cines(tmp_path)] == ["good"]


def test_sound_without_video_is_named(tmp_path):
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", "-f", "lavfi",
               "-i", "sine=duration=0.2", str(tmp_path / "a.mp4")]  # fmt: skip
    subprocess.run(command, check=True)
    with pytest.raises(ReadError, match="holds no video"):
        read_cine(tmp_path / "a.mp4")


def test_a_second_video_in_a_file_is_named(tmp_path, loop):
    path = ffmpeg(tmp_path / "a.mkv", loop, "-c:v", "ffv1", "-map", "0", "-map", "0")
    with pytest.warns(PartialReadWarning, match="holds 2 videos; only the first"):
        np.testing.assert_array_equal(pixels(path), loop)


def test_pixels_of_a_video_may_be_oblong(tmp_path, loop):
    path = ffmpeg(tmp_path / "a.mp4", loop, "-vf", "setsar=2/1", *X264)
    assert read_cine(path).pixel_aspect == 0.5
