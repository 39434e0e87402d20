"""Where rows come from: the embedded digits, files of arrays and of tables, folders of images."""

from lowerbound.data.sources.source import Source, open_labels, open_source

__all__ = ["Source", "open_labels", "open_source"]
