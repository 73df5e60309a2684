"""Freeing policies: one C file each, and their catalogue as their own tables tell it.

`catalogue()` maps names to policies, `presets()` names to what kernels do. To add a policy is to add one C
file beside this one; docs/adding-a-policy.md walks through it.
"""

from typing import Final

from policies.catalogue import catalogue, policy
from policies.model import Param, ParamValue, Policy, PolicyError
from policies.presets import Measured, Preset, preset, presets

BASELINE: Final = "per_object"
"""The policy that, with its defaults, everything is compared to."""

__all__ = [
    "BASELINE",
    "Measured",
    "Param",
    "ParamValue",
    "Policy",
    "PolicyError",
    "Preset",
    "catalogue",
    "policy",
    "preset",
    "presets",
]
