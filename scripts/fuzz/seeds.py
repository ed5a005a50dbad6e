"""Valid inputs of every reader but DICOM's, small, to damage."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import nibabel
import numpy as np
import tifffile
import torch
from PIL import Image

from fuzz.dicom_seeds import ENCODERS, NATIVE, T, all_datasets, dataset, frames
from napari_motionseg.cine import Cine
from napari_motionseg.io.dicom_writer import write_xa
from napari_motionseg.io.flow_files import write_flo, write_flow_zarr, write_kitti
from napari_motionseg.io.movie_writer import write_movie
from napari_motionseg.models.checkpoints import ModelCard, save_model
from napari_motionseg.models.unet import SegmentationNet, UNetConfig

SHAPE = frames().shape


def mask(value: int = 1) -> np.ndarray:
    """(5, 24, 32): one labelled frame."""
    painted = np.zeros(SHAPE, np.uint8)
    painted[1, 5:9, 10:20] = value
    return painted


def dicom(folder: Path) -> None:
    for name, data in all_datasets():
        data.save_as(folder / f"{name}.dcm", enforce_file_format=True)


def series(folder: Path) -> None:
    """Single frames in a folder."""
    for kind, syntax in (("plain", NATIVE["explicit"]), ("rle", ENCODERS["rle"][0])):
        (folder / kind).mkdir()
        for t in range(T):
            data = dataset(frames()[t : t + 1], NATIVE["explicit"], 8, t + 1)
            del data.NumberOfFrames
            if kind == "rle":
                data.compress(syntax, generate_instance_uid=False)
            data.save_as(folder / kind / f"IM{t:04d}", enforce_file_format=True)


def dicomdir(folder: Path) -> None:
    from pydicom.fileset import FileSet

    medium, made = folder / "medium", FileSet()
    for number in (1, 2):
        data = dataset(frames(), NATIVE["explicit"], 8, number)
        data.StudyDate, data.StudyTime, data.StudyID = "20200101", "120000", "1"
        data.SeriesNumber, data.AccessionNumber = 1, ""
        made.add(data)
    made.write(medium)


def movies(folder: Path) -> None:
    colours = np.repeat(frames()[..., None], 3, -1)
    for suffix in (".mp4", ".gif"):
        write_movie(folder / f"movie{suffix}", colours, 15.0)
    for suffix, codec in ((".avi", "mjpeg"), (".mkv", "ffv1"), (".mov", "libx264")):
        iio.imwrite(folder / f"movie{suffix}", colours, plugin="FFMPEG", fps=15,
                    codec=codec, macro_block_size=1,
                    ffmpeg_log_level="error")  # fmt: skip
    images = [Image.fromarray(f) for f in frames()]
    images[0].save(folder / "times.gif", save_all=True, append_images=images[1:],
                   duration=[40, 100, 10, 40, 40])  # fmt: skip


def arrays(folder: Path) -> None:
    np.save(folder / "plain.npy", frames(12))
    np.save(folder / "columns.npy", np.asfortranarray(frames(12)))
    np.save(folder / "float.npy", frames().astype(np.float32) / 255)
    np.save(folder / "big.npy", frames(12).astype(">u2"))


def tiff(folder: Path) -> None:
    gray, deep = frames(), frames(12)
    for name in ("lzw", "zlib", "zstd", "packbits", "jpeg"):
        tifffile.imwrite(folder / f"{name}.tif", gray, compression=name)
    tifffile.imwrite(folder / "plain.tif", deep)
    tifffile.imwrite(folder / "big.tif", deep, bigtiff=True)
    tifffile.imwrite(folder / "tiled.tif", deep, tile=(16, 16), compression="zlib")
    tifffile.imwrite(folder / "white.tif", gray, photometric="miniswhite")
    tifffile.imwrite(folder / "predictor.tif", deep, compression="zlib", predictor=True)
    ramp = np.tile(np.arange(256, dtype=np.uint16) * 257, (3, 1))
    tifffile.imwrite(folder / "palette.tif", gray, photometric="palette", colormap=ramp)
    colours = np.repeat(gray[..., None], 3, -1)
    tifffile.imwrite(folder / "rgb.tif", colours, photometric="rgb")
    tifffile.imwrite(folder / "imagej.tif", gray, imagej=True,
                     metadata={"axes": "TYX", "finterval": 0.0667})  # fmt: skip
    ome = {"axes": "TYX", "TimeIncrement": 66.7, "TimeIncrementUnit": "ms"}
    tifffile.imwrite(folder / "ome.ome.tif", gray, metadata=ome)
    with tifffile.TiffWriter(folder / "pages.tif") as writer:
        for frame in gray:
            writer.write(frame, contiguous=False)


def images(folder: Path) -> None:
    for suffix in ("png", "jpg", "bmp"):
        (folder / suffix).mkdir()
        for t, frame in enumerate(frames()):
            Image.fromarray(frame).save(folder / suffix / f"f{t}.{suffix}")
    (folder / "deep").mkdir()
    for t, frame in enumerate(frames(12)):
        Image.fromarray(frame).save(folder / "deep" / f"f{t}.png")


def labels(folder: Path) -> None:
    labelled = np.arange(T) == 1
    np.savez_compressed(folder / "labels.npz", labels=mask(), labelled=labelled)
    np.savez(folder / "mask.npz", mask=mask(255), valid=labelled)
    tifffile.imwrite(folder / "mask.tif", mask(), compression="zlib")
    Image.fromarray(mask(255)[1]).save(folder / "mask.png")
    indexed = Image.fromarray(mask()[1]).convert("P")
    indexed.save(folder / "indexed.png")
    (folder / "series").mkdir()
    for t in (0, 1):
        Image.fromarray(mask()[t] | 1).save(folder / "series" / f"frame_{t:04d}.png")


def nifti(folder: Path) -> None:
    stored = mask().transpose(2, 1, 0)[:, :, None, :]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(stored, affine), folder / "mask.nii")
    nibabel.save(nibabel.Nifti1Image(stored, affine), folder / "mask.nii.gz")
    nibabel.save(nibabel.Nifti2Image(stored, affine), folder / "two.nii.gz")
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    big = nibabel.Nifti1Image(stored.astype(">i2"), affine, header)
    nibabel.save(big, folder / "big.nii")
    nibabel.save(nibabel.as_closest_canonical(big), folder / "turned.nii.gz")


def checkpoints(folder: Path) -> None:
    config = {"width": 2, "depth": 1, "embedding_dim": 2}
    net = SegmentationNet(UNetConfig(**config), 2)
    card = ModelCard("segmentation", "SegmentationNet", {**config, "classes": 2})
    save_model(folder / "small.safetensors", net, card)
    save_model(folder / "half.safetensors", net, card, dtype=torch.float16)


def published(folder: Path) -> None:
    state = {"moduleExtractor.moduleOne.0.weight": torch.zeros(16, 3, 3, 3)}
    torch.save(state, folder / "zip.pth")
    torch.save({"state_dict": state}, folder / "old.pth",
               _use_new_zipfile_serialization=False)  # fmt: skip


def states(folder: Path) -> None:
    from napari_motionseg.training.engine.checkpointing import (
        TrainingState,
        write_state,
    )

    weights = {"layer.weight": torch.ones(2, 2)}
    moments = {"layer.weight/exp_avg": torch.ones(2, 2)}
    state = TrainingState(3, {"seed": 1}, 2, 1, [0.3, 0.2, 0.1], weights, moments)
    write_state(folder / "run.state.safetensors", state)


def flow(folder: Path) -> None:
    field = np.random.default_rng(1).normal(size=(3, 2, 12, 16)).astype(np.float32)
    write_flow_zarr(
        folder / "flow.zarr", field, field, gap=1, attributes={"method": "x"}
    )
    write_flo(folder / "one.flo", field[0])
    write_kitti(folder / "one.png", field[0])


def cache(folder: Path) -> None:
    from napari_motionseg.motion.flow_cache import FlowCache

    field = np.random.default_rng(1).normal(size=(2, 12, 16)).astype(np.float32)
    entry = FlowCache(folder / "cache").entry({"loop": "x"}, (3, 12, 16))
    for t in range(3):
        entry.write("forward", t, field)


def projects(folder: Path) -> None:
    from napari_motionseg.project import LayerRecord, LoopRecord, Project
    from napari_motionseg.project.changes import whole_frames

    write_xa(folder / "loop.dcm", Cine.from_array(frames()))
    project = Project.create(folder / "work.motionseg")
    loop = LoopRecord(number=1, name="loop", path=str(folder / "loop.dcm"), shape=SHAPE)
    layer = LayerRecord(number=2, loop=1, name="vessel", kind="labels", shape=SHAPE,
                        dtype="uint8")  # fmt: skip
    project.update(project.manifest.with_loop(loop).with_layer(layer))
    project.append(whole_frames(2, mask()))
    project.compact()
    project.append(whole_frames(2, mask(2)))
    project.close()
    (folder / "loop.dcm").unlink()


def segmentations(folder: Path) -> None:
    """Segmentations of each type of the loop that `dicom_seeds` describes."""
    from napari_motionseg.io import read_cine
    from napari_motionseg.io.dicom_seg_writer import (
        SegmentationSettings,
        write_segmentation,
    )

    path = folder / "loop.dcm"
    dataset(frames(), NATIVE["explicit"], 8).save_as(path, enforce_file_format=True)
    for kind in ("BINARY", "LABELMAP", "FRACTIONAL"):
        for compressed in (False, True):
            settings = SegmentationSettings(kind, compressed, deterministic=True)
            write_segmentation(
                folder / f"{kind.lower()}{int(compressed)}.dcm", read_cine(path),
                mask(2) + mask(1) // 2, settings=settings,
            )  # fmt: skip
    path.unlink()


BUILDERS: dict[str, Callable[[Path], None]] = {
    "dicom": dicom, "dicom series": series, "dicomdir": dicomdir, "movies": movies,
    "npy": arrays, "tiff": tiff, "image folders": images, "labels": labels,
    "nifti": nifti, "checkpoints": checkpoints, "published weights": published,
    "training states": states, "flow files": flow, "flow cache": cache,
    "projects": projects, "segmentations": segmentations,
}  # fmt: skip


def build(folder: Path, readers: list[str]) -> None:
    """Write the valid inputs of each reader into a folder of its name."""
    for name in readers:
        place = folder / name
        place.mkdir(parents=True)
        BUILDERS[name](place)


def gz(content: bytes) -> bytes:
    """Compress without a time, so that a case is the same every day."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as stream:
        stream.write(content)
    return held.getvalue()


def deep_json(depth: int) -> str:
    """JSON that is deeper than parsers recurse."""
    return json.dumps({"a": 0}).replace("0", "[" * depth + "]" * depth)
