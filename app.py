"""The Lambdas' entry: it makes the app and registers what `chalicelib` offers."""

from chalice.app import Chalice

from chalicelib import events
from chalicelib.api import register
from chalicelib.bootstrap import services_from_environment

app = Chalice(app_name="ciborium", configure_logs=False)
services = services_from_environment()
register(app, services)
turns, reaper, follow = events.register(app, services)
