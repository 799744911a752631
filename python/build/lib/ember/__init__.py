"""Cohorts, tables, recommendations and models of an Ember server.

    from ember import Cohort

    diabetics = Cohort("condition:diabetes age:>50")
    diabetics.count()            # Count(number=130, suppressed=False)
    diabetics.facets().frame()   # a DataFrame: what most of them have
    diabetics.table(view)        # a ViewDefinition over them, as a DataFrame
    diabetics.why("123")         # the events that make a patient meet it

The server is the one at EMBER_URL (http://127.0.0.1:8080) with the token in
EMBER_TOKEN, or an ``Ember(url, token)`` that is handed in.
"""

from ._client import Ember, EmberError
from ._cohort import Cell, Cohort, Comparison, Count, Evidence, Facets, Meaning, Reason, Saved, Why
from ._models import Foretold, Model, Recommendation

__all__ = [
    "Cell", "Cohort", "Comparison", "Count", "Ember", "EmberError", "Evidence", "Facets", "Foretold",
    "Meaning", "Model", "Reason", "Recommendation", "Saved", "Why",
]
