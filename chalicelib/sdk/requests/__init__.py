"""What clients send, parsed by pydantic; a module for each feature.

The server's views name these types long before they need them, and most requests have no body:
`requests.chats` loads the module, and pydantic, when it is asked for.
"""

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import chat_models as chat_models
    from . import chat_usage as chat_usage
    from . import chats as chats
    from . import groups as groups
    from . import identity as identity
    from . import mcp_access as mcp_access
    from . import mcp_servers as mcp_servers
    from . import mcp_tools as mcp_tools
    from . import organizations as organizations
    from . import workspaces as workspaces


def __getattr__(name: str) -> ModuleType:
    if find_spec(f".{name}", __name__) is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module(f".{name}", __name__)
