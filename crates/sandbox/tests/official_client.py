"""Drives the sandbox with the official client, so that it cannot drift into a server of our own fancy.

Arguments: base URL, API key. Prints one line per step and ends with a failed assertion at the first surprise.
"""

import sys
import uuid

from dfir_iris_client.alert import Alert
from dfir_iris_client.helper.alert_status import AlertStatusHelper
from dfir_iris_client.helper.assets_type import AssetTypeHelper
from dfir_iris_client.helper.case_classifications import CaseClassificationsHelper
from dfir_iris_client.helper.ioc_types import IocTypeHelper
from dfir_iris_client.helper.tlps import TlpHelper
from dfir_iris_client.helper.utils import assert_api_resp, get_data_from_resp
from dfir_iris_client.session import ClientSession

url, key = sys.argv[1], sys.argv[2]


def step(name):
    print(name, flush=True)


def data_of(response):
    assert_api_resp(response, soft_fail=False)
    return get_data_from_resp(response)


step("session: ping and version check")
session = ClientSession(apikey=key, host=url, ssl_verify=False)

step("session: a wrong key is refused")
try:
    ClientSession(apikey="wrong", host=url, ssl_verify=False)
except ValueError as refusal:
    assert "Invalid API key" in str(refusal), refusal
else:
    raise AssertionError("a wrong key was accepted")

step("lists: names resolve to the ids of a fresh 2.4")
assert AlertStatusHelper(session).lookup_alert_status_name("New") == 2
assert AssetTypeHelper(session).lookup_asset_type_name("Windows - Server") == 10
assert IocTypeHelper(session).lookup_ioc_type_name("sha256") == 113
assert TlpHelper(session).lookup_tlp_name("amber") == 2
assert CaseClassificationsHelper(session).lookup_case_classification_name("other:other") == 36
severities = {row["severity_name"]: row["severity_id"] for row in data_of(session.pi_get("manage/severities/list"))}
assert severities == {"Medium": 1, "Unspecified": 2, "Informational": 3, "Low": 4, "High": 5, "Critical": 6}
assert len(data_of(IocTypeHelper(session).list_ioc_types())) == 160

alerts = Alert(session)
own_uuid = str(uuid.uuid4())
content = {"rule": {"id": "5710", "description": "<b>sshd</b> \u20ac"}}

step("add")
added = data_of(
    alerts.add_alert(
        {
            "alert_title": "sshd: attempt to login using a non-existent user",
            "alert_uuid": own_uuid,
            "alert_severity_id": severities["High"],
            "alert_status_id": 2,
            "alert_customer_id": 1,
            "alert_source": "Wazuh",
            "alert_source_ref": "manager:1.1",
            "alert_source_content": content,
            "alert_tags": "wazuh,ssh",
            "alert_source_event_time": "2026-11-20T10:11:12.123",
            "alert_iocs": [{"ioc_value": "203.0.113.7", "ioc_type_id": 76, "ioc_tlp_id": 2, "ioc_tags": ""}],
            "alert_assets": [{"asset_name": "web01", "asset_type_id": 3}],
        }
    )
)
alert_id = added["alert_id"]
assert added["alert_uuid"] == own_uuid
assert added["alert_source_content"] == content
assert added["severity"]["severity_name"] == "High"
assert added["iocs"][0]["ioc_type"]["type_name"] == "ip-any"
assert added["assets"][0]["asset_type"]["asset_name"] == "Linux - Server"

step("add: the same uuid again is refused and the reason names the constraint")
minimal = {"alert_title": "t", "alert_severity_id": 1, "alert_status_id": 2, "alert_customer_id": 1}
twice = alerts.add_alert({**minimal, "alert_uuid": own_uuid})
assert twice.is_error() and "alerts_alert_uuid_key" in twice.get_msg(), twice.get_msg()

step("add: a missing title is refused in python's words")
refused = alerts.add_alert({k: v for k, v in minimal.items() if k != "alert_title"})
assert refused.get_msg() == "{'alert_title': ['Missing data for required field.']}", refused.get_msg()

step("get")
got = data_of(alerts.get_alert(alert_id))
assert got["alert_source_ref"] == "manager:1.1" and "related_alerts" in got
assert alerts.get_alert(999).get_msg() == "Alert not found"
other_id = data_of(alerts.add_alert(minimal))["alert_id"]
assert data_of(alerts.get_alerts([alert_id, other_id]))["total"] == 2

step("filter")
found = data_of(alerts.filter_alerts(alert_tags="SSH", per_page=5))
assert found["total"] == 1 and found["alerts"][0]["alert_id"] == alert_id
assert found["last_page"] == 1 and found["current_page"] == 1 and found["next_page"] is None

step("update takes an alert nobody owns")
updated = data_of(alerts.update_alert(alert_id, {"alert_note": "seen", "alert_severity_id": severities["Low"]}))
assert updated["alert_note"] == "seen" and updated["alert_severity_id"] == severities["Low"]
assert updated["alert_title"] == added["alert_title"] and updated["alert_owner_id"] == 1

step("escalate, merge, unmerge")
case = data_of(alerts.escalate_alert(alert_id, [added["iocs"][0]["ioc_uuid"]], [], "note", "a case", "tag"))
assert data_of(alerts.get_alert(alert_id))["alert_status_id"] == 8
assert data_of(alerts.filter_alerts(case_id=case["case_id"]))["total"] == 1
data_of(alerts.merge_alert(other_id, case["case_id"], [], [], "note"))
assert data_of(alerts.get_alert(other_id))["cases"] == [case["case_id"]]
data_of(alerts.unmerge_alert(other_id, case["case_id"]))
after = data_of(alerts.get_alert(other_id))
assert after["cases"] == [] and after["alert_status_id"] == 7

step("delete frees the uuid")
data_of(alerts.delete_alert(alert_id))
assert alerts.get_alert(alert_id).is_error()
again = data_of(alerts.add_alert({**minimal, "alert_uuid": own_uuid}))
assert again["alert_id"] > other_id

step("done")
