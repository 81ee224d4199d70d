"""The captions of the report, `workflow/report/figure.rst`: ``python -m circuitbias.figures.captions``."""

import textwrap

from circuitbias.catalogue import pictures


def captions() -> str:
    """Template with the caption of every figure, which Snakemake fills in by the figure's name."""
    parts = []
    for name, picture in pictures().items():
        parts.append(f'{{% {"elif" if parts else "if"} snakemake.wildcards.figure == "{name}" %}}\n')
        parts += [f"{line}\n" for line in textwrap.wrap(picture.caption(), 118, break_on_hyphens=False)]
        if picture.compared:
            parts.append("{{ snakemake.params.beside.in_words(snakemake.wildcards.figure) }}\n")
    return "".join(parts) + "{% endif %}\n\n.. |minus| unicode:: U+2296\n"


if __name__ == "__main__":
    print(captions(), end="")
