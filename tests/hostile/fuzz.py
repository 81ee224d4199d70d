"""Coverage-guided fuzzing of every reader with atheris (libFuzzer): ``make fuzz``.

``python tests/hostile/fuzz.py`` feeds every reader in turn, each in a process of its own, and prints what
was done. ``python tests/hostile/fuzz.py READER FILE`` repeats an input that was kept because it failed.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_OURS = ("config", "config_schema", "mat_files", "networks", "numpy_files", "reading", "steps", "validation")
_OURS += ("yaml_files",)
_INSTRUMENTED = ["circuitbias." + name for name in _OURS]
_INSTRUMENTED += ["circuitbias.spikes.storage", "circuitbias.estimators.couplings", "yaml", "zipfile"]
RUNS = {"config": 8000, "config_text": 12000, "csv": 12000, "json": 12000, "npy": 12000, "npz": 12000}
RUNS |= {"mat": 20000, "network": 8000, "couplings": 8000, "spikes": 16000}
TEXTS = ("config_text", "csv", "json")  # fed as they are; the bytes for the others choose what is built
LIMITS = ["-seed=1", "-timeout=20", "-rss_limit_mb=2048", "-len_control=0", "-print_final_stats=1"]


def fuzz(reader: str, options: list[str]) -> None:
    """Fuzz one reader until libFuzzer ends the process; `options` are its own."""
    import atheris

    with atheris.instrument_imports(include=_INSTRUMENTED):
        import building
        import readers

    starts = readers.seeds()[reader]

    def feed(content: bytes) -> int:
        if reader not in TEXTS:
            try:
                content = building.build(reader, content, starts)
            except Exception:  # choices that nothing can be built from are not worth keeping
                return -1
        readers.FEED[reader](content)
        return 0

    atheris.Setup([sys.argv[0], *options], feed)
    atheris.Fuzz()


def fuzz_all(share: float, kept: Path) -> int:
    """Fuzz every reader; return how many failed."""
    from readers import seeds

    kept.mkdir(parents=True, exist_ok=True)
    failed = 0
    print(f"{'reader':12} {'inputs':>8} {'seconds':>8} {'branches':>9}  outcome")
    for reader, runs in RUNS.items():
        with tempfile.TemporaryDirectory() as corpus:
            choose = random.Random(reader)
            starts = seeds()[reader] if reader in TEXTS else [choose.randbytes(60) for _ in range(50)]
            for number, start in enumerate(starts):
                Path(corpus, str(number)).write_bytes(start)
            options = [
                f"-max_len={5000 if reader in TEXTS else 100}",
                f"-runs={int(runs * share)}",
                f"-artifact_prefix={kept}/{reader}-",
                *LIMITS,
                corpus,
            ]
            began = time.monotonic()
            command = [sys.executable, __file__, reader, *options]
            output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        done = re.findall(r"number_of_executed_units: (\d+)", output.stdout)
        branches = re.findall(r"cov: (\d+)", output.stdout)
        outcome = "nothing found" if output.returncode == 0 else f"FAILED\n{output.stdout[-3000:]}"
        failed += output.returncode != 0
        took = time.monotonic() - began
        print(
            f"{reader:12} {(done or ['?'])[-1]:>8} {took:8.0f} {(branches or ['?'])[-1]:>9}  {outcome}",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in RUNS:
        fuzz(sys.argv[1], sys.argv[2:])
    else:
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--share", type=float, default=1.0, help="of the usual number of inputs")
        parser.add_argument("--kept", type=Path, default=Path(".fuzz"), help="folder of failing inputs")
        sys.exit(min(fuzz_all(**vars(parser.parse_args())), 1))
