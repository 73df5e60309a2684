"""The same objective through Ray Tune with OptunaSearch: what one would use otherwise."""

from __future__ import annotations

import logging
import os
import time
import warnings
from pathlib import Path
from typing import Any

from sweep.trial import Configuration
from tests.bench.service.objective import study, values


def _define(trial: Any) -> None:
    """The search space of the same study, as Optuna's users write it."""
    space = study(1_000).space()
    policy = trial.suggest_categorical("policy", list(space.policies))
    for each in space.policies[policy]:
        name = f"{policy}.{each.name}"
        if isinstance(each.values, range):
            trial.suggest_int(name, each.values[0], each.values[-1])
        else:
            trial.suggest_categorical(name, list(each.values))


def _measure(config: dict[str, Any]) -> dict[str, Any]:
    policy = config["policy"]
    params = {k.removeprefix(f"{policy}."): v for k, v in config.items() if k.startswith(f"{policy}.")}
    latency, retained = values(Configuration.of(policy, params))
    return {"latency": latency, "retained": retained, "done": True}


def run(trials: int, workers: int, directory: Path) -> float:
    """Trials per second of Tune's default set-up with reused actors and NSGA-II; starts and ends Ray."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    warnings.simplefilter("ignore")
    import optuna
    import ray
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    class NoOpTrainable(tune.Trainable):  # type: ignore[misc]
        def setup(self, config: dict[str, Any]) -> None:
            self._config = config

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._config = new_config
            return True

        def step(self) -> dict[str, Any]:
            return _measure(self._config)

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            pass

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ray.init(
        address="local",
        num_cpus=workers,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
    try:
        search = OptunaSearch(
            space=_define,
            metric=["latency", "retained"],
            mode=["min", "min"],
            sampler=optuna.samplers.NSGAIISampler(seed=1),
        )
        tuner = tune.Tuner(
            NoOpTrainable,
            tune_config=tune.TuneConfig(
                search_alg=search, num_samples=trials, max_concurrent_trials=workers, reuse_actors=True
            ),
            run_config=tune.RunConfig(storage_path=str(directory), name="tune", verbose=0),
        )
        began = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - began
    finally:
        ray.shutdown()
    assert len(results) == trials
    return trials / seconds
