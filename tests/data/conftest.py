"""Small sets in the formats of the large ones."""

import gzip
import http.server
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

IDX_NAMES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx(array: np.ndarray) -> bytes:
    """The array as an idx file of unsigned bytes."""
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def idx_arrays(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    arrays = {}
    for name in IDX_NAMES:
        n = 30 if name.startswith("train") else 20
        images = "images" in name
        arrays[name] = rng.integers(0, 256 if images else 10, (n, 28, 28) if images else n, dtype=np.uint8)
    return arrays


@pytest.fixture
def idx_folder() -> Callable[..., dict[str, np.ndarray]]:
    """Write the four files of an MNIST of 30 and 20 images into a folder; returns their arrays."""

    def make(folder: Path, *, zipped: bool = False, seed: int = 0) -> dict[str, np.ndarray]:
        folder.mkdir(parents=True, exist_ok=True)
        arrays = idx_arrays(seed)
        for name, array in arrays.items():
            path = folder / (f"{name}.gz" if zipped else name)
            path.write_bytes(gzip.compress(idx(array)) if zipped else idx(array))
        return arrays

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of 12 PNGs of 16 pixels, as many in ``cat`` as in ``dog``."""
    rng = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / "pictures" / ("cat", "dog")[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Nothing of the person who runs the tests is read or written."""
    monkeypatch.setenv("GANLAB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Server:
    """An HTTP server on this machine: `files` by path, `requests` so far, `after` cuts a body short."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.promised: int | None = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                content = outer.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(outer.promised or len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    running = Server()
    yield running
    running.stop()
