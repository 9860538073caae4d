"""Writes the reference files in Formats/, which the tests of the file formats read.

Run in this folder:  python3 make_format_fixtures.py
Made with numpy 2.4.6 and safetensors 0.8.0; the same versions give the same bytes.
"""

import gzip
import pathlib
import struct
import zipfile

import numpy
from safetensors.numpy import save_file

folder = pathlib.Path(__file__).parent / "Formats"
folder.mkdir(exist_ok=True)


def npy(name, array, version=None):
    with open(folder / f"{name}.npy", "wb") as file:
        numpy.lib.format.write_array(file, array, version=version)


# Every type holds the values -1, 0, 1, ... (or 0, 1, 2, ... where there is no sign), in the shape 2 x 3.
for code in ["<f4", ">f4", "<f8", ">f8", "|i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8"]:
    npy(code.replace("<", "little-").replace(">", "big-").replace("|", ""), (numpy.arange(6) - 1).reshape(2, 3).astype(code))
for code in ["|u1", "<u2", ">u2", "<u4", ">u4", "<u8"]:
    npy(code.replace("<", "little-").replace(">", "big-").replace("|", ""), numpy.arange(6).reshape(2, 3).astype(code))
npy("bool", numpy.array([True, False, True]))

ramp = numpy.arange(24, dtype="<f4").reshape(2, 3, 4)
npy("fortran", numpy.asfortranarray(ramp))
npy("version2", ramp, version=(2, 0))
npy("version3", ramp, version=(3, 0))
npy("scalar", numpy.array(2.5, dtype="<f4"))
npy("empty", numpy.zeros((0, 3), dtype="<f4"))
npy("too-large", numpy.array([1, 2, 2**31], dtype="<i8"))
npy("structured", numpy.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]))
npy("complex", numpy.zeros(2, dtype="<c8"))

arrays = {"x": ramp, "labels": numpy.array([3, 1, 2], dtype="<i8")}
numpy.savez(folder / "stored.npz", **arrays)
numpy.savez_compressed(folder / "deflated.npz", **arrays)
# Tell zipfile that 10 bytes are too many for 32 bits: sizes go to the zip64 fields.
zipfile.ZIP64_LIMIT = 10
numpy.savez(folder / "zip64.npz", **arrays)

save_file(
    {
        "layer.weight": numpy.arange(6, dtype="<f4").reshape(2, 3),
        "layer.steps": numpy.array([7, -8], dtype="<i4"),
        "pixels": numpy.array([[1, 2, 3]], dtype="u1"),
        "count": numpy.array([5, -6], dtype="<i8"),
        "double": numpy.array(0.5, dtype="<f8"),
        "half": numpy.array([1, 2], dtype="<f2"),
        "nothing": numpy.zeros((0, 4), dtype="<f4"),
    },
    folder / "reference.safetensors",
    # One key: the library writes several in random order.
    metadata={"note": 'tab\t, quote ", backslash \\, é and 🚢'},
)

(folder / "reference.safetensors").chmod(0o644)

# Ten images of 28 x 28: pixel i of the whole file is i * i mod 251; and their labels.
pixels = bytes((i * i) % 251 for i in range(10 * 28 * 28))
images = struct.pack(">4B3I", 0, 0, 8, 3, 10, 28, 28) + pixels
labels = struct.pack(">4BI", 0, 0, 8, 1, 10) + bytes(range(10))
(folder / "images.idx3.gz").write_bytes(gzip.compress(images, mtime=0))
(folder / "labels.idx1.gz").write_bytes(gzip.compress(labels, mtime=0))
(folder / "two-members.gz").write_bytes(gzip.compress(b"first, ", mtime=0) + gzip.compress(b"second", mtime=0))
