"""Started by the test with the plug-in on its path: looks at pages and lists as the owner, prints what it saw."""

import json
import sys

from magflow.app import create_app
from magflow.domain.actors import SYSTEM
from magflow.services import sign_in, users
from magflow.settings import Settings

app = create_app(Settings.from_environment())
client = app.test_client()
with app.app_context():
    owner = users.create_user(users.CreateUser("plugin@shop.example", "owner", "velvet harbour lantern"), actor=SYSTEM)
    cookie = sign_in.open_browser(sign_in.OpenFor(owner.id, sign_in.Browser("127.0.0.1")), actor=SYSTEM)
client.set_cookie("magflow", cookie)
answers = {path: client.get(path) for path in sys.argv[1:]}
print(json.dumps({path: [answer.status_code, answer.get_data(as_text=True)] for path, answer in answers.items()}))
