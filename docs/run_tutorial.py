"""Run the tutorial; keep what its cells print and draw, but for lines of progress: `make tutorial`."""

from pathlib import Path

import nbclient
import nbformat

PAGE = Path(__file__).with_name("tutorial.ipynb")

notebook = nbformat.read(PAGE, as_version=4)
nbclient.NotebookClient(notebook, timeout=600).execute()
for cell in notebook.cells:
    cell.metadata.pop("execution", None)  # when it ran: another change of the file each time
    if "outputs" in cell:
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
nbformat.write(notebook, PAGE)
