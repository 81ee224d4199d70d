"""Make the page to explore: one HTML file with every estimate, for any browser, without a network."""

import os
from pathlib import Path

from circuitbias.errors.of_estimate import errors_of, run_of, why_no_error
from circuitbias.estimators.couplings import Couplings
from circuitbias.files import atomic_path
from circuitbias.networks.network import Network
from circuitbias.spikes.storage import SpikeFile

EXAMPLES = """
circuitbias explore --network ring.npz --couplings couplings.npz lagged.npz --spikes spikes.h5 \\
  --output explore.html
"""


def add_arguments(parser):
    """Declare the arguments of the step."""
    parser.add_argument("--network", required=True, help="network file")
    parser.add_argument("--couplings", required=True, nargs="+", help="files of couplings, of one seed")
    parser.add_argument(
        "--spikes", nargs="*", default=[], help="recordings behind them: their correlograms are shown"
    )
    parser.add_argument("--tables", nargs="*", default=[], help="tables that the page links to")
    parser.add_argument("--output", required=True, help="page (.html)")


def run(arguments):
    """Do the step."""
    from circuitbias.figures.explore_page import Estimate, page
    from circuitbias.figures.explore_page.correlograms import lagged

    network = Network.load(arguments.network)
    estimates, seen = [], set()
    for path in arguments.couplings:
        couplings = Couplings.load(path)
        key = run_of(couplings)
        share = float(couplings.provenance["parameters"].get("share", 1.0))
        errors = errors_of(network, couplings)
        if (which := (key["estimator"], share, key["r"])) in seen:
            raise ValueError(
                f"--couplings {path}: {key['estimator']} at r = {key['r']:g} is there twice; give one seed"
            )
        seen.add(which)
        sign = "" if errors["split_by"] != "nothing" else "Bias and variance cannot be told apart here. "
        note = why_no_error(network, couplings) or f"{sign}{round(key['n_spikes'] * share):,} spikes."
        values = couplings.values * errors["scale"]
        numbers = (errors[name] for name in ("total", "bias", "variance"))
        estimates.append(Estimate(*which, round(key["n_spikes"] * share), values, *numbers, note))
    folder = Path(arguments.output).parent
    tables = {Path(path).name: Path(os.path.relpath(path, folder)).as_posix() for path in arguments.tables}
    lags = {}
    for path in arguments.spikes:
        spikes = SpikeFile(path)
        if not spikes.unusable:
            lags[_strength(spikes)] = lagged(spikes)
    html, left_out = page(network.name, network.dense_weights(), network.circulant, estimates, tables, lags)
    for line in left_out:
        print(line)
    with atomic_path(arguments.output) as aside:
        aside.write_text(html, encoding="utf-8")
    print(f"{arguments.output}: {len(estimates)} estimates, {len(html.encode()) / 1e6:.1f} MB")


def _strength(spikes: SpikeFile) -> float:
    try:
        return float(spikes.metadata["parameters"]["model"]["r"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"--spikes {spikes.path}: it does not say at which strength it was made") from error
