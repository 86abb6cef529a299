"""Drives the stand-in for OpenCTI with the official client.

Arguments: base URL, token, stream id. Prints one line per step and ends with a failed assertion at the first surprise.
"""

import json
import sys

from pycti import OpenCTIApiClient
from pycti.connector.opencti_connector_helper import SSEClient

url, token, stream = sys.argv[1], sys.argv[2], sys.argv[3]


def step(name):
    print(name, flush=True)


step("start: the health check passes")
client = OpenCTIApiClient(url, token, log_level="error")

step("start: a wrong token is refused")
try:
    OpenCTIApiClient(url, "wrong", log_level="critical")
except ValueError as refusal:
    assert "not reachable" in str(refusal), refusal
else:
    raise AssertionError("a wrong token was accepted")

step("indicators: one page with every property the client asks for")
page = client.indicator.list(first=10, orderBy="updated_at", orderMode="asc", withPagination=True)
assert len(page["entities"]) == 10, page
assert page["pagination"]["hasNextPage"] and page["pagination"]["globalCount"] == 31, page["pagination"]
first = page["entities"][0]
assert first["pattern_type"] == "stix" and first["createdBy"]["name"] == "Synthetic Feed", first
assert first["objectMarking"][0]["definition"] == "TLP:AMBER", first

step("indicators: all pages")
everything = client.indicator.list(first=10, getAll=True)
assert len({one["id"] for one in everything}) == 31, len(everything)

step("indicators: filters")
stix_only = {
    "mode": "and",
    "filterGroups": [],
    "filters": [{"key": "name", "values": ["full.example"]}, {"key": "pattern_type", "values": ["stix"]}],
}
(full,) = client.indicator.list(filters=stix_only)
assert full["x_opencti_score"] == 70 and full["objectLabel"][0]["value"] == "c2", full
assert full["killChainPhases"][0]["phase_name"] == "exfiltration", full
assert full["externalReferences"][0]["source_name"] == "blog", full
assert full["observables"][0]["observable_value"] == "full.example", full

step("indicators: the id is the one the client computes")
assert full["standard_id"] == client.indicator.generate_id(full["pattern"])
assert client.indicator.read(id=full["standard_id"])["id"] == full["id"]

step("indicators: as STIX")
(raw,) = client.indicator.list(filters=stix_only, toStix=True)
assert json.loads(raw["toStix"])["id"] == full["standard_id"]

step("errors: the client reads their code and message")
try:
    client.indicator.list(filters={"mode": "and", "filterGroups": [], "filters": [{"key": "nope", "values": ["1"]}]})
except ValueError as refusal:
    assert refusal.args[0]["name"] == "UNSUPPORTED_ERROR", refusal
else:
    raise AssertionError("an unknown filter key was accepted")

step("observables")
attributes = "id entity_type observable_value indicators { edges { node { id pattern } } }"
(observable,) = client.stix_cyber_observable.list(
    filters={"mode": "and", "filterGroups": [], "filters": [{"key": "value", "values": ["full.example"]}]},
    customAttributes=attributes,
)
assert observable["entity_type"] == "Domain-Name" and observable["indicators"][0]["id"] == full["id"], observable

step("identity and sighting, with mutations as the client writes them")
where = client.query(
    "mutation IdentityAdd($input: IdentityAddInput!) { identityAdd(input: $input) { id standard_id entity_type } }",
    {"input": {"type": "System", "name": "Wazuh"}},
)["data"]["identityAdd"]
sighting = client.stix_sighting_relationship.create(
    fromId=full["id"],
    toId=where["id"],
    count=3,
    first_seen="2026-11-21T10:00:00.000Z",
    last_seen="2026-11-21T10:05:00.000Z",
)
assert sighting["id"], sighting

step("stream: the client's own reader understands it")
wanted = f"{url}/stream/{stream}?recover=2027-01-01T00:00:00Z"
kinds = []
for message in SSEClient(wanted, "0-0", headers={"authorization": "Bearer " + token}):
    if message.event == "create":
        document = json.loads(message.data)["data"]
        kinds.append(document["type"])
        if kinds.count("indicator") == 31:
            assert document["name"] == "full.example", document
            break
assert "marking-definition" in kinds and "identity" in kinds, kinds

step("done")
