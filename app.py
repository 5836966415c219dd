"""The Lambda's entry: it makes the app and registers what `chalicelib/api` offers."""

from chalice.app import Chalice

from chalicelib.api import register
from chalicelib.bootstrap import services_from_environment

app = Chalice(app_name="ciborium", configure_logs=False)
register(app, services_from_environment())
