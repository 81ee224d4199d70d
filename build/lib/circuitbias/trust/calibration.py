"""From evidence to probabilities: learned on twins, calibrated on twins that had no part in it."""

from dataclasses import dataclass

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.isotonic import IsotonicRegression

from circuitbias.errors.detection import connected_pairs
from circuitbias.trust.evidence import pairs

LEAST_WEIGHT = 0.05
"""A weight below this part of a typical unit's largest one counts as no connection."""

PROMISES = (0.05, 0.1, 0.2)
"""False discovery rates for which lists are made."""

_FOLDS = 5  # of the twins: each is scored by what those of the others have taught
_LEAST_LISTED = 1e-3  # probabilities are kept off 0: no twin can tell less than one in a thousand


@dataclass(eq=False)
class Case:
    """Evidence on the pairs of one twin, and the truth.

    Attributes
    ----------
    features : ndarray, shape (n_pairs, n_features)
    signs : ndarray, shape (n_pairs,)
    real : ndarray of bool, shape (n_pairs,)
        Whether the pair is connected with that sign.
    group : str
        Name of its simulator.
    calibrates : bool
        Whether probabilities are read off it; others are learned from alone.
    """

    features: np.ndarray
    signs: np.ndarray
    real: np.ndarray
    group: str
    calibrates: bool = True


def real_pairs(weights: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Which pairs are connected with this sign, in the order of `circuitbias.trust.evidence.pairs`."""
    pre, post = pairs(len(weights))
    connected = connected_pairs(weights, wiring_known=False, min_weight_fraction=LEAST_WEIGHT)
    return connected[pre, post] & (np.sign(weights[pre, post]) == signs) & (signs != 0)


@dataclass(eq=False)
class Judge:
    """Probabilities of being a phantom, learned from twins.

    Attributes
    ----------
    groups : list of str
        Simulators.
    held_out : list of ndarray
        For each twin, its pairs' probability of being a phantom by a judge that has not seen it.
    """

    groups: list
    held_out: list
    _model: object
    _maps: dict

    def phantom(self, features: np.ndarray, signs: np.ndarray) -> tuple[np.ndarray, str]:
        """Probability that each coupling is a phantom, NaN without a coupling: that of the worse simulator.

        Returns
        -------
        phantom : ndarray, shape (n_pairs,)
        group : str
            The simulator by whose calibration the fewest couplings are listed.
        """
        found = self.phantoms(features, signs)
        lengths = {
            group: sum(int(chosen.sum()) for chosen in lists(values, signs).values())
            for group, values in found.items()
        }
        worse = min(lengths, key=lambda group: (lengths[group], -np.nansum(found[group])))
        return found[worse], worse

    def phantoms(self, features: np.ndarray, signs: np.ndarray) -> dict[str, np.ndarray]:
        """The same by each simulator's calibration."""
        raw = _scores(self._model, features)
        found = {group: _phantom(self._maps[group], raw) for group in self.groups}
        return {group: np.where(signs != 0, values, np.nan) for group, values in found.items()}


def learn(cases: list[Case], *, seed: int = 0) -> Judge:
    """Learn from twins.

    Parameters
    ----------
    cases : list of Case
        At least two: each is judged by what the others have taught.
    seed : int, optional

    Returns
    -------
    Judge
    """
    if len(cases) < 2:
        raise ValueError(f"{len(cases)} twins: at least 2 are needed, one to learn from and one to calibrate")
    folds = np.arange(len(cases)) % min(len(cases), _FOLDS)
    models = [
        _fitted([c for c, own in zip(cases, folds, strict=True) if own != fold], seed)
        for fold in range(folds.max() + 1)
    ]
    scores = [_scores(models[fold], case.features) for case, fold in zip(cases, folds, strict=True)]
    groups = sorted({case.group for case in cases})
    scored = list(zip(scores, cases, strict=True))
    maps = {group: _map(_calibrating(scored, group)) for group in groups}
    held_out = []
    for score, case in scored:
        # Calibrated on the others, too.
        own = _map(_calibrating([one for one in scored if one[1] is not case], case.group))
        held_out.append(np.where(case.signs != 0, _phantom(own, score), np.nan))
    return Judge(groups, held_out, _fitted(cases, seed), maps)


def _calibrating(scored, group):
    """Twins to read probabilities off: of that simulator, if there are any."""
    own = [one for one in scored if one[1].group == group]
    return [one for one in own if one[1].calibrates] or own or scored


def listed(phantom: np.ndarray, promise: float) -> np.ndarray:
    """The longest list whose mean probability of a phantom is at most what is promised.

    Parameters
    ----------
    phantom : ndarray
        NaN is never listed.
    promise : float

    Returns
    -------
    ndarray of bool
    """
    order = np.argsort(phantom, kind="stable")  # NaN last
    ranked = phantom[order]
    n = int(np.isfinite(ranked).sum())
    means = np.cumsum(ranked[:n]) / np.arange(1, n + 1)
    length = int((means <= promise).nonzero()[0].max(initial=-1) + 1)
    chosen = np.zeros(len(phantom), dtype=bool)
    chosen[order[:length]] = True
    return chosen


def lists(phantom: np.ndarray, signs: np.ndarray) -> dict[float, np.ndarray]:
    """Lists at each promise, excitation and inhibition each with its own."""
    found = {}
    for promise in PROMISES:
        chosen = np.zeros(len(phantom), dtype=bool)
        for sign in (1, -1):
            chosen |= listed(np.where(signs == sign, phantom, np.nan), promise)
        found[promise] = chosen
    return found


def calibration_error(phantom: np.ndarray, real: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error: mean over pairs of |mean probability - share of phantoms| in equal bins."""
    known = np.isfinite(phantom)
    place = np.minimum((phantom[known] * n_bins).astype(int), n_bins - 1)
    gap = np.bincount(place, phantom[known] - ~real[known], n_bins)
    return float(np.abs(gap).sum() / max(known.sum(), 1))


def _fitted(cases, seed):
    features = np.concatenate([case.features[case.signs != 0] for case in cases])
    real = np.concatenate([case.real[case.signs != 0] for case in cases])
    if real.all() or not real.any():
        return float(real.mean()) if real.size else 0.0
    model = HistGradientBoostingClassifier(
        max_iter=80,
        learning_rate=0.1,
        max_leaf_nodes=12,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    return model.fit(features, real)


def _scores(model, features):
    if isinstance(model, float):
        return np.full(len(features), model)
    return model.predict_proba(features)[:, 1]


def _map(scored):
    """Isotonic share of real pairs by score."""
    score = np.concatenate([s[c.signs != 0] for s, c in scored])
    real = np.concatenate([c.real[c.signs != 0] for _, c in scored])
    return IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(score, real)


def _phantom(isotonic, score):
    return np.clip(1 - isotonic.predict(score), _LEAST_LISTED, 1.0)
