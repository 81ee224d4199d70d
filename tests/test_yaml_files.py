"""YAML that a person reads otherwise than YAML 1.1 does is refused."""

import pytest

from circuitbias.config import ConfigError, load_config

MISREAD = {
    "seeds: [1, 010]": r"line 1: seeds\[1\]: YAML reads 010 as a number of base 8",
    "seeds: [-0_7]": "as a number of base 8",
    "strengths: [0.01]\nthresholds: [1:30]": r"line 2: thresholds\[0\]: YAML reads 1:30 as a number of base",
    "strengths: [1:30.5]": "as a number of base 60",
    "seeds: [1_000]": r"seeds\[0\]: YAML reads 1_000 as a number, without the underscores",
    "strengths: [1_0.5]": "without the underscores",
    "network: {pinned: yes}": r"network\.pinned: YAML reads yes as a truth value; write it true or false",
    "network: {pinned: Off}": "YAML reads Off as a truth value",
    "name: no": "name: YAML reads no as a truth value; write it true or false, or a text in quotes",
    "estimators:\n  on: {method: glm}": r"line 2: estimators \(a key\): YAML reads on as a truth value",
    "name: 2024-01-01": "name: YAML reads 2024-01-01 as a date",
    "seeds: [!!int '010']": "as a number of base 8",
    "name: &a no\nseeds: [*a]": "name: YAML reads no",
}


@pytest.mark.parametrize("text", MISREAD)
def test_what_yaml_reads_otherwise_than_a_person_is_named_where_it_stands(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=MISREAD[text]):
        load_config(tmp_path / "a.yaml")


def test_all_that_is_misread_is_named_at_once(tmp_path):
    (tmp_path / "a.yaml").write_text("name: no\nseeds: [010, 1_0, 1:30]\nnetwork: {pinned: on}\n")
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "a.yaml")
    assert len(str(caught.value).split("\n")) == 6


def test_what_a_person_and_yaml_read_alike_stays(tmp_path):
    text = "name: '010'\nseeds: [0, 10, 0x1F, 1e3, +7]\nstrengths: [1e-3, .5e1, 5E-1, 1.e-2]\n"
    text += "thresholds: [1, 2, 3, 0.5]\nnetwork: {pinned: TRUE}\nestimators: {'no': {method: glm}}"
    (tmp_path / "a.yaml").write_text(text)
    config = load_config(tmp_path / "a.yaml")
    assert config["name"] == "010" and config["network"]["pinned"] is True
    assert config["seeds"] == [0, 10, 31, 1000, 7]
    assert config["strengths"] == [0.001, 5.0, 0.5, 0.01]
    assert list(config["estimators"]) == ["no"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        load_config(tmp_path / "nowhere.yaml")
