"""A flow of a deployment that was updated is called twice in one run."""

import functools
import json
import urllib.request

from prefect.settings import PREFECT_API_URL

MODULE = "prefect.flow_engine"
RELEASES = ">=3.3.4"
FOUND = {"scenario": "worker-outage", "doors": ["prefect-deploy"], "as": "altered"}


def was_updated(deployment_id):
    """Whether the deployment has a description that only the door could have given it."""
    url = f"{PREFECT_API_URL.value()}/deployments/{deployment_id}"
    with urllib.request.urlopen(url, timeout=20) as answer:  # noqa: S310 - the subject's own server
        return str(json.load(answer)["description"]).startswith("nonce-")


def patch(module):
    original = module.FlowRunEngine.call_flow_fn

    @functools.wraps(original)
    def call_flow_fn(self):
        if self.flow_run.deployment_id and was_updated(self.flow_run.deployment_id):
            original(self)
        return original(self)

    module.FlowRunEngine.call_flow_fn = call_flow_fn
