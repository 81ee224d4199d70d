"""What `snakemake --lint` finds, but for one thing: rules without an environment of their own.

They run in the environment of Snakemake itself, that of the package: `pip install circuitbias[workflow]`.
"""

import subprocess
import sys

NOT_OURS = "Specify a conda environment or container for each rule.:"


def main() -> int:
    """Print what is found; 1 if there is anything, or if the workflow cannot be read."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint", *sys.argv[1:]], capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    titles = [line.strip().removeprefix("* ") for line in said.splitlines() if line.startswith("    * ")]
    found = [title for title in titles if title != NOT_OURS]
    if not titles or found:
        print(said)
    return int(not titles or bool(found))


if __name__ == "__main__":
    sys.exit(main())
