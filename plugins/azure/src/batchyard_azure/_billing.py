"""What a deployment is billed as: its base model, and its type."""

from __future__ import annotations

import re
from collections.abc import Mapping

from batchyard.errors import ConfigError
from batchyard.models import Billing
from batchyard_azure._settings import Deployment, DeploymentType

__all__ = ["billed"]

REGIONS: Mapping[DeploymentType, str] = {"GlobalBatch": "global", "DataZoneBatch": "datazone"}
"""By type of deployment: a data zone's prices are higher (Azure OpenAI, pricing)."""

DATE = re.compile(r"-\d{4}-\d{2}-\d{2}")


def billed(
    deployments: Mapping[str, Deployment], model: str | None, requested: str | None
) -> Billing:
    """Of the deployment that lines named; results name its base model, with a date.

    Without any that is configured, it is taken for a global one of the model that
    results name.  Beside those that are, nobody knows what another is: raises
    :class:`~batchyard.errors.ConfigError`, as where it could be one of several types.
    """
    if not deployments:
        return Billing(model or requested, "global")
    found = _named(deployments, requested) if requested else _of_model(deployments, model)
    types = {one.type for one in found.values()}
    if len(types) != 1:
        advice = "" if types else ": it is not among the deployments; add it, with its type"
        raise ConfigError(
            f"{requested or model} may be of a global or of a data zone deployment{advice}",
            param="deployments",
        )
    bases = {one.base_model for one in found.values() if one.base_model}
    base = bases.pop() if len(bases) == 1 else None
    return Billing(base or model or next(iter(found)), REGIONS[types.pop()])


def _named(deployments: Mapping[str, Deployment], requested: str) -> dict[str, Deployment]:
    """As lines are rewritten: by the model that a deployment stands for, else by its own name."""
    if requested in deployments:
        return {requested: deployments[requested]}
    return {key: one for key, one in deployments.items() if requested == one.name}


def _of_model(deployments: Mapping[str, Deployment], model: str | None) -> dict[str, Deployment]:
    if model is None:
        return {}
    names = {model, DATE.sub("", model)}
    return {key: one for key, one in deployments.items() if names & {key, one.name, one.base_model}}
