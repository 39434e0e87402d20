"""Tables of Arrow's formats a record batch at a time, through `pyarrow.dataset`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lowerbound.data.sources.arrow import unnamed
from lowerbound.data.sources.batches import CELLS, Batches
from lowerbound.data.sources.file import File
from lowerbound.data.sources.held import whole
from lowerbound.data.tables import Columns

__all__ = ["ArrowBatches"]

_FORMATS = {".parquet": "parquet", ".feather": "feather", ".arrow": "feather", ".ipc": "feather"}


@dataclass
class ArrowBatches(Batches):
    """The rows of Parquet files and of Feather (IPC) files, less the columns that pandas wrote for its
    index."""

    @staticmethod
    def takes(path: Path) -> bool:
        """Whether a file is one that is read in batches: none in a container, no stream, no Feather of the
        first version."""
        if path.suffix.lower() == ".parquet":
            return True
        if path.suffix.lower() not in _FORMATS:
            return False
        with path.open("rb") as stream:
            return stream.read(6) == b"ARROW1"

    @property
    def rows(self) -> int:
        return sum(_dataset(path).count_rows() for path in self.files)

    @property
    def size(self) -> int:
        return 4 * self.rows * len(_dataset(self.files[0]).schema.names)

    def of_file(self, file: File) -> Iterator[Columns]:
        import pyarrow as pa
        import pyarrow.dataset as ds

        with whole(file.path, file.ending):
            found = _dataset(file.path)
            options: dict[str, Any] = {"batch_readahead": 1, "fragment_readahead": 1, "use_threads": False}
            if file.ending == ".parquet":
                # A row group is read a page at a time, not all at once.
                options["fragment_scan_options"] = ds.ParquetFragmentScanOptions(
                    use_buffered_stream=True, pre_buffer=False
                )
            step = max(1, CELLS // max(len(found.schema.names), 1))
            for batch in found.to_batches(batch_size=step, **options):
                if batch.num_rows:
                    yield unnamed(pa.Table.from_batches([batch]), file)


def _dataset(path: Path) -> Any:
    import pyarrow.dataset as ds

    with whole(path, path.suffix.lower()):
        return ds.dataset(path, format=_FORMATS[path.suffix.lower()])
