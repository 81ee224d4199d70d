"""The pages of the site that are made from the package, and links that lead out of the docs.

MkDocs calls the ``on_...`` functions: see ``hooks`` in mkdocs.yml.
"""

import argparse
import importlib
import json
import re
from pathlib import Path

import pandas as pd
from mkdocs.structure.files import File

import circuitbias
from circuitbias.catalogue import BUILT_IN, ESTIMATORS
from circuitbias.steps import STEPS
from circuitbias.steps.list import facts_of

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# Pages that also lie elsewhere in the project, where people look for them.
COPIED = {
    "README.md": "readme.md",
    "config/README.md": "reference/config.md",
    "results/README.md": "reference/results.md",
    "CHANGELOG.md": "reference/changelog.md",
}
PLACES = COPIED | {"docs/tutorial.md": "tutorial.md", "docs/tutorial.ipynb": "tutorial.md"}


def on_config(config):
    """List the pages of the estimators, in the order of the catalogue."""
    shelves = {name: pages for shelf in config.nav for name, pages in shelf.items()}
    shelves["Reference"].append({"Estimators": [{name: f"estimators/{name}.md"} for name in ESTIMATORS]})
    return config


def on_files(files, config):
    """Add the pages that are made from the package."""
    pages = {place: (ROOT / source).read_text(encoding="utf-8") for source, place in COPIED.items()}
    pages |= {
        "reference/command-line.md": command_line(),
        "reference/components.md": components(),
        "reference/python.md": python_api(),
        "tutorial.md": tutorial(json.loads((DOCS / "tutorial.ipynb").read_text(encoding="utf-8"))),
    }
    for place, text in pages.items():
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown, page, **_):
    """Add what the package knows of an estimator; lead links to where their targets lie in the site."""
    place = page.file.src_uri
    if place.startswith("estimators/"):
        markdown += of_estimator(Path(place).stem)
    source = next((ROOT / source for source, copy in COPIED.items() if copy == place), DOCS / place)
    return re.sub(r"\[([^][]*)\]\(([^()\s]+)\)", lambda link: _moved(link, source, place), markdown)


def _moved(link, source, place):
    """A link as the site has it: to a page, or, where the target is none, its text alone."""
    text, target = link.groups()
    path, _, anchor = target.partition("#")
    if not path or ":" in path:  # of this page, or of elsewhere
        return link[0]
    lies = (source.parent / path).resolve()
    if not lies.is_relative_to(ROOT):
        return link[0]
    uri = PLACES.get(lies.relative_to(ROOT).as_posix())
    if uri is None and not (lies.is_relative_to(DOCS) and lies.is_file()):
        return text
    uri = uri or lies.relative_to(DOCS).as_posix()
    up = "../" * place.count("/")
    return f"[{text}]({up}{uri}{'#' + anchor if anchor else ''})"


def of_estimator(name) -> str:
    """Traits, options and errors of a method, beside the published ones."""
    fact = facts_of("estimators", name)
    cost = circuitbias.catalogue.declared("estimators", name).cost
    traits = ", ".join(trait if has else f"not {trait}" for trait, has in fact["traits"].items())
    parts = [
        f"\n## Traits and cost\n\nBy default {traits}. A job of 1e7 spikes of 100 neurons takes about "
        f"{cost.seconds:g} s of one core, in bins of {cost.bin_steps} steps.",
        "## Options\n\n" + option_table(fact),
    ]
    errors = _errors_beside_published(name)
    parts.append(
        "## Published and measured error\n\n" + (errors or "The paper gives no errors of this method.")
    )
    return "\n\n".join(parts) + "\n"


def option_table(fact) -> str:
    """Markdown table of a component's options."""
    rows = [("option", "default", "allowed", "meaning"), ("---",) * 4]
    for option, part in fact["options"].items():
        default = f"`{json.dumps(part['default'])}`" if "default" in part else ""
        rows.append((f"`{option}`", default, part["allowed"], part["description"]))
    if len(rows) == 2:
        return "None."
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)


def _errors_beside_published(name) -> str:
    table = pd.read_csv(DOCS / "data" / "comparison_ring.csv")
    table = table[(table["estimator"] == name) & table["quantity"].isin(["total", "bias", "variance"])]
    table = table[(table["n_spikes"] == 1e8) & table["condition"].isna()]
    if table.empty:
        return ""
    wide = table.pivot_table(index="r", columns="quantity", values=["published", "ours"], sort=False)
    columns = [(who, what) for what in ("total", "bias", "variance") for who in ("published", "ours")]
    lines = [
        "Ring, 1e8 spikes for each strength; what was expected: [reproduction](../reproduction.md).\n",
        "| r | " + " | ".join(f"{what}, {who}" for who, what in columns) + " |",
        "|---" * (1 + len(columns)) + "|",
    ]
    for r, row in wide.sort_index().iterrows():
        cells = [
            f"{row[column]:.3f}" if column in row and row[column] == row[column] else "" for column in columns
        ]
        lines.append(f"| {r:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def components() -> str:
    """Say all of every component but estimators, which have pages of their own."""
    parts = ["# Components\n\nWhat a config can name. `circuitbias list NAME` says the same."]
    for kind, names in BUILT_IN.items():
        parts.append(f"## {kind.capitalize()}")
        for name in names:
            fact = facts_of(kind, name)
            if names is ESTIMATORS:
                parts.append(f"- [`{name}`](../estimators/{name}.md): {fact['says']}")
            else:
                parts.append(f"### {name}\n\n{fact['says']}\n\n{option_table(fact)}")
    return "\n\n".join(parts) + "\n"


def command_line() -> str:
    """Say the help of every step."""
    parts = ["# Command line\n\nEvery step of the workflow can be run by hand: `circuitbias STEP --help`."]
    for name in STEPS:
        step = importlib.import_module(f"circuitbias.steps.{name.replace('-', '_')}")
        parser = argparse.ArgumentParser(f"circuitbias {name}", description=step.__doc__)
        step.add_arguments(parser)
        parts.append(f"## {name}\n\n```text\n{parser.format_help()}```")
    return "\n\n".join(parts) + "\n"


def python_api() -> str:
    """Refer to what the package has at its top."""
    parts = ["# Python\n\nWhat `import circuitbias as cb` brings."]
    parts += [f"::: circuitbias.{place}.{name}" for name, place in circuitbias._WHERE.items()]
    return "\n\n".join(parts) + "\n"


def tutorial(notebook) -> str:
    """Turn a notebook into a page: its text, its code, what that printed and drew."""
    parts = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            text = "".join(output.get("text", data.get("text/plain", "")))
            if "image/png" in data:
                picture = "".join(data["image/png"]).replace("\n", "")
                parts.append(f"![What the cell draws](data:image/png;base64,{picture})")
            elif text:
                parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"
