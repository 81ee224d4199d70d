"""What is planned: of the configs that come with it, for thresholds, experiments and several circuits."""

import re
import shutil

import numpy as np
import pandas as pd
import pytest
import yaml
from checkout import CONFIG, ROOT, Checkout

from circuitbias import job_sizes
from circuitbias.catalogue import EXPERIMENTS, NETWORKS
from circuitbias.config import circuits, load_config
from circuitbias.yaml_files import read_config


@pytest.mark.parametrize("name", ["config.yaml", "methods.yaml", "test.yaml"])
def test_the_configs_that_come_with_it_can_be_planned(tmp_path, name):
    checkout = Checkout(tmp_path)
    shutil.copy(ROOT / "config" / name, checkout.folder / "config.yaml")
    planned = checkout.planned()
    assert planned["compare"] == 1
    assert planned["simulate"] in (2, 8, 11)
    assert sum(planned.values()) < 400


def test_the_whole_paper_at_full_scale_is_few_long_jobs_of_a_cluster(tmp_path, monkeypatch):
    """Grouped as docs/clusters.md says: recordings and jobs of each config are those of its table."""
    said = (ROOT / "docs" / "clusters.md").read_text()
    words = re.search(r"--groups ([a-z_= \\\n]+?) --group-components", said).group(1)
    words = words.replace("\\", " ").split()
    rows = re.findall(r"^\| `(\w+)\.yaml` \| (\d+) \| (\d+) \| (\d+) \|$", said, re.MULTILINE)
    ring, others = ("paper", "pinned"), ("paper_networks", "random_sparse", "matched_mismatched", "remedies")
    assert [row[0] for row in rows] == [*ring, *others]
    submitted = submitted_rules()
    assert {"simulate", "threshold", "synchrony_experiment"} < submitted
    checkout, total = Checkout(tmp_path), 0
    for name, n_recordings, together, n_jobs in rows:
        shutil.copy(ROOT / "config" / f"{name}.yaml", checkout.folder / "config.yaml")
        components = f"recording={together}"
        output = checkout.snakemake("--dry-run", "--groups", *words, "--group-components", components)
        alone = re.findall(r"^(?:local)?rule (\w+):", output, re.MULTILINE)  # members of groups are indented
        assert "all" in alone and not submitted & {*alone}
        assert re.search(r"^simulate +(\d+)$", output, re.MULTILINE)[1] == n_recordings
        assert output.count("Group job recording") == int(n_jobs)
        assert int(n_jobs) == 1 or seconds(name, monkeypatch) / int(n_jobs) > 600
        total += int(n_jobs)
    assert f"The full-scale paper is {total} jobs" in said
    assert total <= 50


def submitted_rules() -> set[str]:
    """Rules whose jobs a cluster gets, as their text says."""
    text = "\n".join(path.read_text() for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    rules = r"^(?:use rule \w+ as|rule) (\w+)(?: with)?:\n((?:    .*\n|\n)+)"
    return {name for name, body in re.findall(rules, text, re.MULTILINE) if "localrule: True" not in body}


def seconds(name, monkeypatch) -> int:
    """Seconds of one core of a config's recordings and estimates, without the margin of what is asked for."""
    monkeypatch.setattr(job_sizes, "MARGIN", 60)  # minutes of that are seconds
    monkeypatch.setattr(job_sizes, "LEAST_MINUTES", 0)
    total = 0
    for circuit in circuits(load_config(read_config(ROOT / "config" / f"{name}.yaml"))).values():
        steps = [(step, None) for step in ("simulate", "activity", "floor")]
        steps += [("estimate", name) for name in circuit["estimators"]]
        once = sum(job_sizes.job_minutes(circuit, *step) for step in steps)
        total += once * len(circuit["strengths"]) * len(circuit["seeds"])
    return total


def test_everything_runs_every_network_and_experiment_of_its_own(tmp_path):
    config = load_config(read_config(ROOT / "config" / "everything.yaml"))
    families = {circuit["network"]["family"] for circuit in circuits(config).values()}
    assert families == set(NETWORKS) - {"file", "sparse", "chaotic"}
    assert set(config["experiments"]) == set(EXPERIMENTS)
    checkout = Checkout(tmp_path)
    shutil.copy(ROOT / "config" / "everything.yaml", checkout.folder / "config.yaml")
    planned = checkout.planned()
    assert planned["simulate"] == 17 and planned["threshold"] == 6
    assert planned["detection"] == planned["network"] == 7 and planned["pairs"] == 2
    assert planned["compare"] == 2  # the ring, and that with sidebands


def test_thresholds_for_a_rate_are_found_before_the_simulations(tmp_path):
    checkout = Checkout(tmp_path)
    checkout.configure(thresholds={"rate_hz": 20})
    planned = checkout.planned()
    assert planned["threshold"] == planned["simulate"] == 2
    checkout.configure()
    assert "threshold" not in checkout.planned()


def test_each_experiment_is_a_target_of_its_own(tmp_path):
    checkout = Checkout(tmp_path)
    shutil.copy(ROOT / "config" / "methods.yaml", checkout.folder / "config.yaml")
    output = checkout.snakemake("--dry-run", "--quiet", "rules", "--", "synchrony")
    assert re.search(r"^synchrony_experiment +1$", output, re.MULTILINE)
    assert not re.search(r"^data_volume ", output, re.MULTILINE)


def test_two_circuits_side_by_side(tmp_path):
    """The example at one strength: each circuit has its folder, and both have one table and figure."""
    checkout = Checkout(tmp_path)
    config = yaml.safe_load((ROOT / "config" / "circuits.yaml").read_text())
    for own in config["circuits"].values():
        own |= {key: own[key][:1] for key in ("strengths", "thresholds")}
    (checkout.folder / "config.yaml").write_text(yaml.safe_dump(config))
    planned = checkout.planned()
    assert (planned["network"], planned["simulate"], planned["estimate"]) == (2, 2, 3)
    assert (planned["patterns"], planned["circuits"], planned["outcome"]) == (1, 1, 2)
    checkout.snakemake("circuits")
    folder = checkout.folder / "results" / "circuits"
    both = pd.read_csv(folder / "errors.csv")
    for name, n_estimates in (("ring", 2), ("sparse", 1)):
        alone = pd.read_csv(folder / name / "errors.csv")
        rows = both[both.circuit == name].drop(columns="circuit").reset_index(drop=True)
        assert len(alone) == n_estimates
        pd.testing.assert_frame_equal(rows, alone, check_dtype=False)
        assert rows.total.between(0, 1.5).all()
    numbers = pd.read_csv(folder / "figures" / "circuits.csv")
    drawn = numbers[numbers.series == "sparse, glm"].query("panel == 'b'")
    assert list(drawn.x) == [0.0001]
    np.testing.assert_allclose(drawn.y, both.query("circuit == 'sparse'").total, rtol=1e-6)
    # One circuit changes: the other one is left alone.
    config["circuits"]["sparse"]["network"]["seed"] = 2
    (checkout.folder / "config.yaml").write_text(yaml.safe_dump(config))
    output = checkout.snakemake("--dry-run", "circuits")
    again = set(re.findall(r"results=results/circuits/(\w+)", output))
    assert again == {"sparse"}


def test_what_is_done_for_a_plan_of_many_circuits_grows_with_their_jobs_alone(tmp_path):
    """Configs are completed and code is hashed once, whatever the number of circuits."""
    checkout = Checkout(tmp_path)
    one = {key: CONFIG[key] for key in ("network", "strengths", "thresholds")}
    rest = {key: CONFIG[key] for key in ("simulation", "estimators")}
    for name, module in (("config", "config"), ("code", "provenance")):
        path = checkout.package / f"{module}.py"
        function = {"config": "load_config", "code": "code_hash"}[name]
        note = f"open({str(tmp_path / f'{name}.calls')!r}, 'a').write('.')"
        wrapped = f"_{function} = {function}\n\n\ndef {function}(*given, **named):\n    {note}\n"
        path.write_text(f"{path.read_text()}\n\n{wrapped}    return _{function}(*given, **named)\n")
    done = {}
    for n in (1, 30):
        many = {"name": "many", "circuits": {f"c{i}": one for i in range(n)}} | rest
        (checkout.folder / "config.yaml").write_text(yaml.safe_dump(many))
        planned = checkout.planned()
        assert planned["estimate"] == 4 * n
        # A circuit's network, two recordings with activity, two estimates and floor; two tables, figures.
        assert sum(planned.values()) == n * (1 + 2 * (1 + 1 + 2 + 1) + 2 + 5 + 1) + 2
        calls = [tmp_path / f"{name}.calls" for name in ("config", "code")]
        done[n] = [path.stat().st_size for path in calls]
        for path in calls:
            path.unlink()
    assert done[30] == done[1]
