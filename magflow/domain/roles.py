"""Who may do what: the scopes, and the scopes of each role (reliability 4.2)."""

from typing import Final

OWNER, MANAGER, CLERK, VIEWER = "owner", "manager", "clerk", "viewer"
ROLES: Final = (OWNER, MANAGER, CLERK, VIEWER)

SCOPES: Final = (
    "catalog:read",
    "catalog:write",
    "orders:read",
    "orders:write",
    "stock:read",
    "stock:write",
    "imports:read",
    "imports:write",
    "admin",
)

PUBLIC: Final = "public"
"""A permission that everybody has, signed in or not."""

SELF: Final = "self"
"""A permission that everybody who is signed in has: the own profile, signing out."""

READS: Final = frozenset(scope for scope in SCOPES if scope.endswith(":read"))

SCOPES_OF: Final[dict[str, frozenset[str]]] = {
    OWNER: frozenset(SCOPES),
    MANAGER: frozenset(SCOPES) - {"admin"},
    CLERK: READS | {"orders:write", "stock:write"},
    VIEWER: READS,
}
