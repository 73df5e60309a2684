"""How a trial is measured: every backend reports the metrics of `sweep.trial.METRICS`."""
