"""The same objective through Ray Tune with OptunaSearch: what one would use otherwise."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any

from sweep.trial import Configuration
from tests.bench.service.objective import study, values


def run(trials: int, workers: int, directory: Path) -> float:
    """Trials per second of Tune's default set-up with reused actors and NSGA-II. Ray must be running."""
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"
    warnings.simplefilter("ignore")
    import optuna
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    class NoOpTrainable(tune.Trainable):  # type: ignore[misc]
        def setup(self, config: dict[str, Any]) -> None:
            self._config = config

        def reset_config(self, new_config: dict[str, Any]) -> bool:
            self._config = new_config
            return True

        def step(self) -> dict[str, Any]:
            configuration = Configuration.of(
                self._config["policy"], {k: v for k, v in self._config.items() if k != "policy"}
            )
            latency, retained = values(configuration)
            return {"latency": latency, "retained": retained, "done": True}

        def save_checkpoint(self, checkpoint_dir: str) -> None:
            pass

    space = study(trials).space()

    def define(trial: Any) -> None:
        policy = trial.suggest_categorical("policy", list(space.policies))
        for each in space.policies[policy]:
            if isinstance(each.values, range):
                trial.suggest_int(each.name, each.values[0], each.values[-1])
            else:
                trial.suggest_categorical(f"{policy}.{each.name}", list(each.values))

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    search = OptunaSearch(
        space=define,
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
    assert len(results) == trials
    return trials / seconds
