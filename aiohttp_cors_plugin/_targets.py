"""What an override is given for: where its layers are kept, and the routes that it stands for."""

from __future__ import annotations

from collections.abc import Hashable
from types import FunctionType
from typing import Any

from aiohttp import web

from aiohttp_cors_plugin._overrides import Layer
from aiohttp_cors_plugin._routing import mounted_app, routes_of, unwrapped, view_methods, view_of
from aiohttp_cors_plugin._state import State
from aiohttp_cors_plugin.errors import CorsConfigError, Problem


def locate(state: State, target: object) -> tuple[list[Layer], list[web.AbstractRoute]]:
    """Where the layers of a target are kept, and the routes that it stands for."""
    overrides, routers = state.overrides, state.routers
    if not callable(target) and not isinstance(target, web.AbstractRoute | web.AbstractResource):
        reason = "is no resource, route, handler or web.View class"
        fix = "give what add_get() or router[name] returns, or the handler"
        raise _target_error("target-type", target, reason, fix)
    if isinstance(target, web.Application) and target is state.app:
        fix = "call reconfigure(...), which swaps what all its routes inherit"
        raise _target_error("target-type", target, "is the application itself", fix)
    if isinstance(target, web.Application) or (
        isinstance(target, web.AbstractResource) and mounted_app(target) is not None
    ):
        fix = "override its routes, or call setup() for it before it is mounted"
        raise _target_error("target-subapp", target, "is a sub-application", fix)
    if not isinstance(target, Hashable):
        fix = "override its route, its resource or its handler instead"
        raise _target_error("target-unhashable", target, "is not hashable", fix)
    routes: list[web.AbstractRoute]
    if isinstance(target, web.AbstractRoute):
        routes = [*routes_of(target.resource)]
        if target.resource in routers and any(route is target for route in routes):
            return overrides.of_routes.setdefault(target, []), routes
    elif isinstance(target, web.AbstractResource):
        routes = [*routes_of(target)]
        if any(route.resource is not target for route in routes):
            fix = "override the routes one by one"
            raise _target_error("target-shared", target, "has routes of another resource", fix)
        if target in routers:
            return overrides.of_resources.setdefault(target, []), routes
    else:
        served = [*routers.routes()]
        routes = [route for route in served if _leads_to(route, target)]
        if routes:
            return overrides.of_handlers.setdefault(target, []), routes
        if any(_is_method(view, target) for view in filter(None, map(view_of, served))):
            fix = "decorate it with @override(...), or override the whole view"
            raise _target_error("target-view-method", target, "is a method of a web.View", fix)
    reason = "is not served by this application, or by a sub-application with its own setup"
    fix = "add it to the router first, or ask the Cors of that application"
    raise _target_error("target-foreign", target, reason, fix)


def _target_error(code: str, target: object, reason: str, fix: str) -> CorsConfigError:
    return CorsConfigError([Problem(code, "target", target, reason, fix)])


def _is_method(view: type[web.View], target: object) -> bool:
    return any(getattr(view, method.lower()) is target for method in view_methods(view))


def _leads_to(route: web.AbstractRoute, target: object) -> bool:
    handler: Any = route.handler
    if isinstance(handler, FunctionType) and not handler.__dict__:
        return handler is target  # nearly all, and there may be many: it wraps nothing
    return handler is target or any(one == target for one in unwrapped(handler))
