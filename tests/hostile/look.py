"""Reads every file that a list names, and says of each what came of it: run as a process of its own, so that
what it takes, writes, imports and starts can be told.

`python look.py LIST`: a JSON list of [id, reader, path]; JSON lines of what was found on standard output.
"""

import json
import os
import re
import resource
import sys
import time
import warnings
from pathlib import Path

warnings.simplefilter("ignore")
# What reading a file never does. Of opening, what writes.
FORBIDDEN = (
    *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen"),
    *("pickle.find_class", "socket.connect", "socket.bind", "os.remove", "os.rename", "os.mkdir", "os.rmdir"),
    *("os.chmod", "os.link", "os.symlink", "os.truncate", "shutil.rmtree", "urllib.Request", "ctypes.dlopen"),
)
# Libraries of formats, which are looked for when one of theirs is read.
READERS = {"openpyxl", "pandas", "pyreadstat", "anndata"}
seen, watching = [], False


def watch(event, arguments):
    if not watching:
        return
    if event in FORBIDDEN:
        seen.append(f"{event} {arguments!r:.100}")
    elif event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        seen.append(f"open {arguments!r:.100}")
    elif event == "import" and arguments[0].split(".")[0] not in known | READERS:
        seen.append(f"import {arguments[0]}")


def memory():
    """The most that this process has had so far, in megabytes. What `getrusage` says begins, on Linux, with
    what the process had that started this one."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return int(re.search(r"VmHWM:\s+(\d+)", status.read_text())[1]) / 1024


def warm_up(folder):
    """Import what readers import, so that the first file does not pay for it."""
    import jax
    import pyarrow.feather
    import pyarrow.json
    import pyarrow.orc
    import pyarrow.parquet
    import rdkit.Chem
    import rdkit.rdBase
    import scipy.io
    import selfies
    from PIL import Image
    from sklearn.datasets import load_svmlight_file

    import lowerbound as lb
    from lowerbound.data.sources import open_source
    from lowerbound.estimator.estimator import VariationalAutoencoder
    from lowerbound.runs import RunFolder

    Image.init()
    for name in sorted(os.listdir(folder)):
        if name == "run":
            run = RunFolder.read(folder / name)
            _ = [getattr(run, each) for each in ("provenance", "schema", "history", "metrics", "baselines")]
        else:
            open_source(str(folder / name))
    return run, jax, lb, scipy, pyarrow, rdkit, selfies, load_svmlight_file, VariationalAutoencoder


def asked(reader, path, run):
    import lowerbound as lb
    from lowerbound.data.sources import open_source
    from lowerbound.runs import RunFolder

    if reader == "data":
        open_source(path)
    elif reader == "compressed":
        lb.decompress(run.model, Path(path).read_bytes())
    elif reader == "model":
        RunFolder.read(path)
    else:
        getattr(RunFolder(Path(path)), reader)


def found(reader, path, run):
    """What came of reading: the class of the error, its words, and whether the command line makes one line of
    it, with status 2."""
    try:
        asked(reader, path, run)
    except (ValueError, TypeError, OSError) as error:
        typed = not isinstance(error, ArithmeticError)
        return {"error": type(error).__name__, "words": str(error), "typed": typed}
    except BaseException as error:
        return {"error": type(error).__name__, "words": str(error), "typed": False}
    return {"error": "", "words": "it was read", "typed": False}


if __name__ == "__main__":
    listed = json.loads(Path(sys.argv[1]).read_text())
    run, *_ = warm_up(Path(sys.argv[2]))
    known = {name.split(".")[0] for name in sys.modules} | {"encodings"}
    sys.addaudithook(watch)
    most = memory()
    for name, reader, path in listed:
        seen.clear()
        before, watching = time.process_time(), True
        answer = found(reader, path, run)
        watching = False
        answer |= {"id": name, "seconds": time.process_time() - before, "megabytes": memory() - most}
        answer |= {"seen": list(seen)}
        print(json.dumps(answer), flush=True)
