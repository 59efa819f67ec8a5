"""Started by the test with the plug-in on its path: asks over the API for a parcel to be weighed."""

import json
import sys

from magflow.app import create_app
from magflow.settings import Settings

token, order_id = sys.argv[1:]
client = create_app(Settings.from_environment()).test_client()
headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"weigh {order_id}"}
answers = [client.post("/api/v1/parcels", json={"order_id": int(order_id)}, headers=headers) for _ in range(2)]
assert [answer.status_code for answer in answers] == [201, 201], answers[0].get_data(as_text=True)
assert answers[0].data == answers[1].data
assert client.post("/api/v1/parcels", json={"order_id": "7"}, headers=headers).status_code == 422
print(json.dumps(answers[0].get_json()["data"]))
