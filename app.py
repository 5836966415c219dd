"""The Lambdas' entry: it makes the app and registers what `chalicelib` offers."""

from chalicelib import startup

startup.begin()

from chalicelib import events  # noqa: E402 -- begun before
from chalicelib.api import API, register  # noqa: E402
from chalicelib.bootstrap import is_cold_start, services_from_environment  # noqa: E402

app = API(app_name="ciborium", configure_logs=False)
services = services_from_environment()
register(app, services, lazily=is_cold_start())
turns, reaper, follow = events.register(app, services)
