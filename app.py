"""The Lambdas' entry: it makes the app and registers what `chalicelib` offers."""

from chalicelib import startup

startup.begin()  # Before anything large is imported.

from chalicelib import events
from chalicelib.api import API, register
from chalicelib.bootstrap import is_cold_start, services_from_environment

app = API(app_name="ciborium", configure_logs=False)
services = services_from_environment()
register(app, services, lazily=is_cold_start())
turns, reaper, follow = events.register(app, services)
