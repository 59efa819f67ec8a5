"""For servers that want a WSGI application: `gunicorn wsgi:app`. `magflow up` does not need it.

Without DATABASE_URL every process that imports this holds on to the embedded server, and the last one to go stops it.
"""

import atexit

from magflow.app import create_app
from magflow.postgres.access import open_database
from magflow.settings import Settings
from magflow.up.start import keep_what_was_made

settings = Settings.from_environment()
database = open_database(settings)
atexit.register(database.shut)
app = create_app(settings.with_database(database.app_url))
keep_what_was_made()
