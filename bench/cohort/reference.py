"""Values of SciPy, statsmodels and lifelines that Ember's statistics are held to.

    python bench/cohort/reference.py > cohort/study/testdata/reference.json

needs lifelines 0.30, statsmodels, scipy and numpy; the file names the versions it was
made by. The inputs are made up and lie in the file beside the values.
"""

import json
import warnings

import lifelines
import numpy as np
import scipy
import statsmodels
import statsmodels.api as sm
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times
from statsmodels.stats.weightstats import DescrStatsW

warnings.simplefilter("ignore")


def finite(v):
    v = float(v)
    return v if np.isfinite(v) else -1


def survival(rng, n, scale, leave):
    time = np.ceil(rng.exponential(scale, n)).astype(int)
    end = rng.integers(0, leave, n)
    days, event = np.minimum(time, end), time <= end
    k = KaplanMeierFitter(alpha=0.05).fit(days, event)
    ci = k.confidence_interval_survival_function_
    low, high = [finite(v) for v in median_survival_times(ci).iloc[0]]
    table = k.event_table.loc[k.event_table.index.isin(set(days.tolist()))]
    return {
        "days": days.tolist(), "event": event.astype(int).tolist(),
        "steps": [[int(t), int(table.at_risk[t]), int(table.observed[t]), int(table.censored[t]), float(k.survival_function_.iloc[:, 0][t]),
                   float(ci.iloc[:, 0][t]), float(ci.iloc[:, 1][t])] for t in table.index],
        "median": [finite(k.median_survival_time_), low, high],
    }


def log_rank(curves):
    days = np.concatenate([c["days"] for c in curves])
    event = np.concatenate([c["event"] for c in curves])
    group = np.concatenate([[i] * len(c["days"]) for i, c in enumerate(curves)])
    r = multivariate_logrank_test(days, group, event)
    return {"curves": curves, "chi": float(r.test_statistic), "p": float(r.p_value)}


def competing(rng, n, scale, die, leave):
    """Two causes on days of their own, as lifelines moves ties of two causes at random."""
    outcome = 2 * np.ceil(rng.exponential(scale, n)).astype(int)
    death = 2 * np.ceil(rng.exponential(die, n)).astype(int) + 1
    end = 2 * rng.integers(0, leave, n)
    days = np.minimum(np.minimum(outcome, death), end)
    cause = np.where(days == outcome, 1, np.where(days == death, 2, 0))
    steps = []
    fits = [AalenJohansenFitter().fit(days, cause, event_of_interest=k) for k in (1, 2)]
    for t in sorted(set(days.tolist())):
        row = [t]
        for f in fits:
            ci = f.confidence_interval_cumulative_density_
            value = float(f.cumulative_density_.iloc[:, 0][t])
            # lifelines calls its ends the wrong way round
            row += [value, *(sorted(float(v) for v in ci.loc[t]) if 0 < value < 1 else [value, value])]
        steps.append([finite(v) for v in row])
    return {"days": days.tolist(), "cause": cause.tolist(), "steps": steps}


def logistic(rng, n, coefficients):
    x = rng.normal(size=(n, len(coefficients) - 1))
    x[:, 0] = x[:, 0] > 0
    x[:, -1] = 50 + 12 * x[:, -1]
    scale = np.array(coefficients[1:])
    eta = coefficients[0] + x @ scale - (50 * scale[-1])
    y = rng.random(n) < 1 / (1 + np.exp(-eta))
    fit = sm.Logit(y.astype(float), sm.add_constant(x)).fit(disp=0, tol=1e-12, maxiter=100)
    return {"x": x.tolist(), "y": y.astype(int).tolist(), "beta": fit.params.tolist(), "se": fit.bse.tolist(), "likelihood": float(fit.llf)}


def differences(rng):
    out = []
    for n, m in ((30, 40), (200, 15), (11, 11)):
        a, b = rng.normal(5, 2, n), rng.normal(6, 3, m)
        out.append({"a": a.tolist(), "b": b.tolist(), "mean": [float(a.mean()), float(b.mean())], "deviation": [float(DescrStatsW(a, ddof=1).std), float(DescrStatsW(b, ddof=1).std)],
                    "smd": float((a.mean() - b.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2)),
                    "quantiles": np.quantile(a, [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95]).tolist()})
    return out


def laplace():
    u = [1e-9, 0.01, 0.2, 0.5, 0.7, 0.999, 1 - 1e-9]
    return [[v, float(scipy.stats.laplace.ppf(v, scale=1 / 0.3))] for v in u]


def main():
    rng = np.random.default_rng(7)
    curves = [survival(rng, n, scale, leave) for n, scale, leave in ((40, 300, 900), (200, 900, 1500), (75, 120, 400), (12, 50, 60), (150, 20, 40))]
    print(json.dumps({
        "versions": {"lifelines": lifelines.__version__, "statsmodels": statsmodels.__version__, "scipy": scipy.__version__, "numpy": np.__version__},
        "survival": curves,
        "logRank": [log_rank(curves[:2]), log_rank(curves[1:4]), log_rank(curves), log_rank([survival(rng, 30, 100, 300), survival(rng, 25, 100, 300)])],
        "logistic": [logistic(rng, 300, [-1, 0.5, -0.3, 0.02]), logistic(rng, 80, [0.2, 1, 0.05])],
        "differences": differences(rng),
        "laplace": laplace(),
        "competing": [competing(np.random.default_rng(n), n, scale, die, leave) for n, scale, die, leave in ((60, 150, 200, 400), (250, 400, 150, 500), (15, 20, 20, 30))],
    }))


main()
