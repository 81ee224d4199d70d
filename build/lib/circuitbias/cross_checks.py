"""Check the keys of a config against each other, and choose the strengths that are shown as examples."""

from collections.abc import Iterator

from circuitbias.catalogue import EXPERIMENTS, READERS, GuestError, declared, guests, path_of, told
from circuitbias.circuits import KEYS, TAKEN, circuit_problem, typical_strengths
from circuitbias.config_schema import ConfigError, problem
from circuitbias.thresholds import resolve_thresholds
from circuitbias.validation import plain, problems_of, validator
from circuitbias.wording import meant


def cross_checks(config, problems) -> Iterator[tuple[tuple, str]]:
    """Check keys against each other where they are sound in themselves; choose the examples."""
    wrong = list(problems)

    def sound(*paths):  # nothing wrong above, at or below them
        return not any(
            all(a == b for a, b in zip(bad, path, strict=False)) for bad in wrong for path in paths
        )

    if not isinstance(config, dict):
        return
    if config.get("circuits") == {} and not config.get("recordings"):
        yield ("circuits",), problem(config, ("circuits",), "must hold a circuit, or be left out")
    recordings = config.get("recordings")
    for name in recordings if isinstance(recordings, dict) else ():
        if isinstance(recordings[name], dict):
            yield from _recording_checks(config, name, recordings[name], sound)
    named = config.get("circuits", {"": config})
    for name, own in named.items() if isinstance(named, dict) else ():
        if isinstance(own, dict):
            yield from _circuit_checks(config, name, own, sound)
    sections = named if sound(("circuits",), ("strengths",)) else {}
    known = sorted({r for own in sections.values() for r in own.get("strengths", config["strengths"])})
    examples = ("figures", "example_strengths")
    if known and sound(examples):
        if "circuits" not in config:
            config["figures"].setdefault("example_strengths", typical_strengths(known))
        yield from _among(config, examples, config["figures"].get("example_strengths"), "strengths", known)
    for name, experiment in config["experiments"].items() if sound(("experiments",)) else ():
        for key, choice in (("estimators", config["estimators"]), ("strengths", known)):
            path = ("experiments", name, key)
            if sound((key,), ("circuits",)):
                yield from _among(config, path, experiment.get(key), key, choice)
        path = ("experiments", name, "estimators")
        if needed := sound(path, ("estimators",)) and told(EXPERIMENTS[name]).sweeps_over:
            names = experiment["estimators"] or config["estimators"]
            if without := [one for one in names if needed not in config["estimators"].get(one, (needed,))]:
                rule = f"must not hold {', '.join(without)}, which have no option {needed}"
                yield path, problem(config, path, rule)


def _circuit_checks(config, name, own, sound) -> Iterator[tuple[tuple, str]]:
    """Check the keys of one circuit against each other; its name is "" if they are at the top level."""
    above = ("circuits", name) if name else ()
    if name in TAKEN:
        yield above, problem(config, above, f"its name must not be one of {', '.join(TAKEN)}")
    for key in ("estimators", "experiments") if name else ():
        path = (*above, key)
        if sound(path, (key,)):
            yield from _among(config, path, own.get(key), key, config[key])
    needed = ("network", "strengths", "thresholds")
    if not sound(*((*above, key) if key in own else (key,) for key in needed)):
        return
    one = {key: own.get(key, config.get(key)) for key in KEYS} | {"circuit": name}
    given, n, path = one["thresholds"], len(one["strengths"]), ("thresholds",)
    family = one["generator"].get("family") if isinstance(one["generator"], dict) else None
    if family == "threshold" and isinstance(given, list) and (low := [t for t in given if not t > 0]):
        place = (*path, given.index(low[0]))
        yield (*above, *place), circuit_problem(one, place, "must be a finite number > 0")
    elif isinstance(given, list) and len(given) != n:
        rule = f"has {len(given)} entries; must have {n}, one for each of strengths"
        yield (*above, *path), circuit_problem(one, path, rule)
    elif sound((*above, "generator") if "generator" in own else ("generator",)):
        try:
            resolve_thresholds(one)
        except ConfigError as error:
            yield (*above, *path), str(error)


def _recording_checks(config, name, own, sound) -> Iterator[tuple[tuple, str]]:
    """Check the keys of one recording against each other, against estimators and against formats."""
    above = ("recordings", name)
    if sound((*above, "estimators"), ("estimators",)):
        yield from _among(
            config, (*above, "estimators"), own.get("estimators"), "estimators", config["estimators"]
        )
    window = own.get("window_s")
    if window and sound((*above, "window_s")) and not window[0] < window[1]:
        path = (*above, "window_s")
        yield path, problem(config, path, "the first must be below the second")
    path, chosen = (*above, "format"), own.get("format")
    if chosen is None or not sound(path):
        return
    if not path_of("readers", chosen):
        known = [*READERS, *guests("readers")]
        rule = f"must be one of {', '.join(known)}, or the path of a class of circuitbias.Reader"
        yield path, problem(config, path, rule + meant(chosen, known))
        return
    try:
        reader = declared("readers", chosen)
    except GuestError as error:
        yield path, problem(config, path, str(error))
        return
    path = (*above, "format_options")
    if sound(path):
        for inner, line in problems_of(
            validator(texts=False)(reader.schema()), plain(own["format_options"])
        ).items():
            yield (*path, *inner), f"{'.'.join(path)}.{line}"


def _among(config, path, chosen, key, known) -> Iterator[tuple[tuple, str]]:
    """Check that what was chosen is a part of what there is under a key."""
    for one in chosen or ():
        if one not in known:
            rule = f"must be among {key} = {list(known)}{meant(one, known)}"
            yield path, problem(config, path, rule)
            return
