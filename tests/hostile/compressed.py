"""Files of compressed rows whose headers say what no file of `compress` does."""

import numpy as np

from lowerbound.archive.store import file_of

from .hostile import NOISE, PICKLE, Hostile

HEADER = {
    **{"rows": 4, "type": "<i8", "posterior": "encoder", "ends": [1], "first": 300},
    **{"tables": "", "data": "", "model": "", "by": ""},
}


def compressed(**fields):
    return file_of("compressed rows", HEADER | fields, {"words": np.zeros(40, np.uint32)})


FILES = [
    *(
        Hostile(
            "rows.lbz", lambda path, d=data: path.write_bytes(d() if callable(d) else d), about, "compressed"
        )
        for about, data in (
            ("a pickle", PICKLE),
            ("nothing", b""),
            ("noise", NOISE),
            ("10¹² rows", lambda: compressed(rows=10**12)),
            ("negative rows", lambda: compressed(rows=-1)),
            ("rows that are text", lambda: compressed(rows="4")),
            ("10¹² first bits", lambda: compressed(first=10**12)),
            ("objects", lambda: compressed(type="|O")),
            ("a path as type", lambda: compressed(type="../x")),
            ("another source", lambda: compressed(posterior="os.system")),
            ("levels", lambda: compressed(ends=[2**40])),
            ("a list", lambda: file_of("compressed rows", [], {})),
            ("another model", lambda: compressed(model="0")),
            ("no words", lambda: file_of("compressed rows", HEADER, {})),
            (
                "words of text",
                lambda: file_of("compressed rows", HEADER, {"words": np.zeros((2, 2), np.uint32)}),
            ),
        )
    ),
]
