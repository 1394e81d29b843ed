"""What charts draw, computed: series, curves and tables out of a run, without a line of drawing.

Laws:
1. Pure functions of a Run; NaN is what was not measured, never 0.
2. Binned and thinned by honest means: a window says how wide it is, and a percentile that so few operations cannot
   bear is not given.
3. Nothing of what happened after a stop is made up: a series ends where the run did.
"""
