"""What broke for users of other CORS libraries, and where it is met here.

Each case was found in public trackers; the words are ours. `test_cases.py` checks that the tests
exist and that no number is left out. A part of a parameter id in brackets stands for all rows that
have it: for every origin, say.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Case(NamedTuple):
    """A case: what broke, the tests that it cannot break here, or why it cannot be tested."""

    what: str
    tests: tuple[str, ...] = ()
    reason: str = ""


# How many cases each section has: routing, sub-applications, views, `*` routes, OPTIONS, static
# files, errors, caches, matching, credentials, request headers, exposed headers, max age, methods,
# preflights, middlewares, duplicates, WebSockets, streams, speed, logging, typing, packaging,
# tenants, environment, local networks, timing.
_NAMES = "R A V W O S E C M K H X G N P B D Q Z Y L U J T I LN TC".split()
_COUNTS = (
    *(15, 5, 4, 3, 6, 5, 10, 10, 13, 5, 10, 5, 4, 7, 5, 5, 4),
    *(2, 3, 4, 4, 3, 7, 6, 1, 4, 3),
)
SECTIONS: Final = dict(zip(_NAMES, _COUNTS, strict=True))
PLUGIN, ROUTING, DYNAMIC = (
    "test_plugin.py::test_",
    "test_routing.py::test_",
    "test_dynamic.py::test_",
)
OPTIONS, ORIGINS, POLICY = (
    "test_options.py::test_",
    "test_origins.py::test_",
    "test_policy.py::test_",
)
FETCH, MATCHING, HERE = "test_fetch.py::test_", "test_matching.py::test_", "test_cases.py::test_"
OVERRIDES, REFUSALS = "test_overrides.py::test_", "test_refusals.py::test_"
LAYERS, README, CHROMIUM = (
    "test_layers.py::test_",
    "test_readme.py::test_",
    "test_chromium.py::test_",
)
ERRORS, BROWSER = "test_errors.py::test_", "test_browser.py::test_"
PREFLIGHTS, REPORTS, REQUESTS, STAMPING = (
    "test_preflights.py::test_",
    "test_reports.py::test_",
    "test_requests.py::test_",
    "test_stamping.py::test_",
)

ACTUAL, PREFLIGHT = f"{STAMPING}actual_response", f"{PREFLIGHTS}preflight"
NOT_SERVED = f"{PREFLIGHTS}preflight_for_a_method_that_is_not_served"
BAD, UNUSUAL = (
    f"{PLUGIN}bad_traffic_is_refused_and_answered",
    f"{PLUGIN}unusual_lists_of_headers_pass",
)
WITHOUT_ORIGIN = f"{PLUGIN}requests_without_origin_are_answered_as_without_the_plugin"
OWN_OPTIONS = f"{HERE}any_other_options_is_the_applications_own"
BAD_ORIGIN = f"{ORIGINS}refused_with_a_fix_that_is_valid"
PAIRS = f"{OVERRIDES}the_nearer_of_two_overrides_wins"
ASKED = f"{DYNAMIC}a_callable_is_asked_once_and_must_say_true"
TENANTS = f"{DYNAMIC}a_hundred_tenants_none_crossing"
NO_CAP = f"{HERE}no_version_is_capped_and_nothing_stands_in_for_the_standard_library"
PRIVATE = f"{LAYERS}underscore_attributes_of_other_objects_are_those_in_the_list"
NETWORK = f"{HERE}a_question_about_the_network_is_not_answered"

CASES: Final = {
    # Routing
    "R1": Case(
        "one path in two resources: the second method's preflight was refused",
        (f"{PREFLIGHT}[a second resource on one path]", f"{PREFLIGHT}[plain resource]"),
    ),
    "R2": Case(
        "the same in a large product: only some methods of a path worked",
        (
            f"{ACTUAL}[a second resource on one path]",
            f"{PREFLIGHT}[a second resource on one path]",
            f"{HERE}a_loop_over_all_routes_may_override_each",
        ),
    ),
    "R3": Case(
        "options kept by route: a path with several routes was answered wrongly",
        (
            f"{PREFLIGHT}[POST of overlapping ones]",
            f"{OVERRIDES}one_answer_speaks_only_for_methods_of_equal_options",
        ),
    ),
    "R4": Case(
        "/users/me and /users/{id}: the preflight was judged on the wrong one",
        (
            f"{PREFLIGHT}[GET of overlapping paths]",
            f"{PREFLIGHT}[POST of overlapping ones]",
            f"{HERE}whatever_route_answers_its_own_policy_applies",
        ),
    ),
    "R5": Case(
        "a walk over all routes raised, as a path came twice: no server",
        (
            f"{HERE}a_loop_over_all_routes_may_override_each",
            f"{PLUGIN}two_runners_of_one_application",
        ),
    ),
    "R6": Case(
        "a resource class of the user's crashed the walk at startup",
        (
            f"{ACTUAL}[custom resource]",
            f"{PREFLIGHT}[custom resource]",
            f"{ROUTING}a_resource_that_fails_on_the_question_leaves_the_preflight_alone",
        ),
    ),
    "R7": Case(
        "routes added after startup never had CORS",
        (
            f"{PLUGIN}routes_added_after_startup",
            f"{PAIRS}[a function, plain, routed after startup]",
        ),
    ),
    "R8": Case(
        "no way to mark a single route: users reached into private lists",
        (f"{PAIRS}[a function, by a table, before startup]", f"{OVERRIDES}precedence[route]"),
    ),
    "R9": Case(
        "all routes needed a loop over a copy of the router's list",
        (
            f"{PREFLIGHT}[plain resource]",
            f"{HERE}a_loop_over_all_routes_may_override_each",
        ),
    ),
    "R10": Case(
        "index routes of mounted parts, or names with another beginning, had no preflight",
        (f"{HERE}index_routes_and_prefixes",),
    ),
    "R11": Case(
        "a trailing-slash redirect had no headers, or the preflight was redirected",
        (
            f"{ACTUAL}[redirect by normalize_path_middleware]",
            f"{PREFLIGHT}[a path that a middleware redirects]",
        ),
    ),
    "R12": Case(
        "a fix for route parameters broke other routes",
        (
            f"{PREFLIGHT}[dynamic resource]",
            f"{ROUTING}registration_order_still_decides_between_resources",
        ),
    ),
    "R13": Case(
        "a route with variables in its path made it panic",
        (f"{ACTUAL}[dynamic resource]", f"{PREFLIGHT}[dynamic resource]"),
    ),
    "R14": Case(
        "options chosen by matching the path anew: case, +, .. led to the laxer ones",
        (f"{HERE}whatever_route_answers_its_own_policy_applies",),
    ),
    "R15": Case(
        "an unknown path was a network error instead of a readable 404",
        (f"{ACTUAL}[404]", f"{PREFLIGHT}[a path that nobody serves]"),
    ),
    # Sub-applications
    "A1": Case(
        "a view in a sub-application looked for its configuration in the wrong application",
        (f"{HERE}a_view_of_a_sub_application_finds_the_setup_of_its_parent",),
    ),
    "A2": Case(
        "a 404 in a sub-application had no headers",
        (
            f"{ACTUAL}[404 in a sub-application]",
            f"{ACTUAL}[405 in a sub-application]",
            f"{ROUTING}three_nested_sub_applications",
        ),
    ),
    "A3": Case(
        "sub-applications had to be patched again and again",
        (
            f"{ROUTING}three_nested_sub_applications",
            f"{ROUTING}a_sub_application_alone_has_cors_in_a_parent_without",
            f"{ROUTING}a_parent_serves_paths_below_its_sub_application",
        ),
    ),
    "A4": Case(
        "routes added after mounting, debug mode, the order of signals",
        (
            f"{HERE}the_life_cycle_of_a_sub_application",
            f"{PLUGIN}setup_of_a_mounted_sub_application_says_what_to_do",
        ),
    ),
    "A5": Case(
        "different options for two scopes broke their index routes",
        (
            f"{ROUTING}nested_setups_the_nearest_governs",
            f"{HERE}index_routes_and_prefixes[the empty path of a sub-application]",
        ),
    ),
    # Views
    "V1": Case(
        "views, registered for any method, were rejected",
        (f"{ACTUAL}[view]", f"{PREFLIGHT}[view]", f"{HERE}a_view_need_not_inherit_from_us"),
    ),
    "V2": Case(
        "a method that the view lacks dropped the connection",
        (
            f"{ACTUAL}[method that a view lacks]",
            f"{NOT_SERVED}[method that a view lacks]",
            f"{HERE}a_view_need_not_inherit_from_us[a bare view]",
        ),
    ),
    "V3": Case(
        "views had to inherit from the library: those of third parties could not",
        (f"{HERE}a_view_need_not_inherit_from_us",),
    ),
    "V4": Case(
        "a framework had to add an OPTIONS method to its views",
        (f"{HERE}a_view_need_not_inherit_from_us[a bare view]",),
    ),
    # Routes for any method
    "W1": Case(
        "a route for any method left no place for OPTIONS: an exception",
        (f"{ACTUAL}[any-method route]", f"{PREFLIGHT}[any-method route]"),
    ),
    "W2": Case(
        "proxies with routes for any method kept the whole server from starting",
        (
            f"{PREFLIGHT}[any-method route]",
            f"{PAIRS}[a function, by *, before startup]",
            f"{ROUTING}the_index_keeps_the_order_that_the_user_gave_it",
        ),
    ),
    "W3": Case(
        "a handler for any method never saw OPTIONS",
        (
            f"{OWN_OPTIONS}[/any]",
            f"{ROUTING}registration_order_still_decides_between_resources",
        ),
    ),
    # OPTIONS
    "O1": Case(
        "protocols that own OPTIONS (tus, WebDAV) collided",
        (
            f"{PREFLIGHT}[a resource with its own OPTIONS]",
            f"{ACTUAL}[OPTIONS that is no preflight]",
            f"{OWN_OPTIONS}[/own]",
        ),
    ),
    "O2": Case("every OPTIONS was taken for a preflight", (OWN_OPTIONS,)),
    "O3": Case(
        "OPTIONS without an announced method still is", (f"{OWN_OPTIONS}[no method announced]",)
    ),
    "O4": Case(
        "OPTIONS without an origin was a 403 for monitors and explorers",
        (f"{OWN_OPTIONS}[neither header]", WITHOUT_ORIGIN),
    ),
    "O5": Case(
        "an automatic OPTIONS replaced the user's own",
        (f"{OWN_OPTIONS}[/own]", f"{OWN_OPTIONS}[/handling]", f"{OWN_OPTIONS}[/custom]"),
    ),
    "O6": Case("OPTIONS without a preflight's headers was a 400", (OWN_OPTIONS,)),
    # Static files
    "S1": Case(
        "static resources crashed at startup",
        (f"{ACTUAL}[static file]", f"{PREFLIGHT}[static file]"),
    ),
    "S2": Case(
        "a static file was readable, but its preflight refused",
        (f"{PREFLIGHT}[static file]", f"{NOT_SERVED}[static files]"),
    ),
    "S3": Case("a private mapping of aiohttp's was edited", (PRIVATE,)),
    "S4": Case(
        "static responses had no headers: fonts and scripts were blocked",
        tuple(
            f"{ACTUAL}[{row}]"
            for row in (
                *("static file", "part of a file", "unchanged file", "folder of static files"),
                "missing static file",
            )
        ),
    ),
    "S5": Case("static routes went round it", (f"{ACTUAL}[static file]",)),
    # Errors
    "E1": Case("404 and 405 had no headers", (f"{ACTUAL}[404]", f"{ACTUAL}[405]")),
    "E2": Case(
        "raised exceptions and redirects had none, and the repair lost cookies",
        (f"{ACTUAL}[redirect]", f"{STAMPING}cookies_on_a_raised_redirect_survive"),
    ),
    "E3": Case("the 500 of an unhandled exception had none", (f"{ACTUAL}[unhandled exception]",)),
    "E4": Case(
        "decorators did not cover exceptions, debug mode differed",
        (f"{HERE}errors_are_readable_wherever_they_are_made",),
    ),
    "E5": Case(
        "a 500 was declared impossible",
        (
            f"{ACTUAL}[unhandled exception]",
            f"{HERE}errors_are_readable_wherever_they_are_made[a middleware raises]",
        ),
    ),
    "E6": Case("headers were taken off a 500 on purpose", (f"{ACTUAL}[unhandled exception]",)),
    "E7": Case(
        "errors of handlers, of what reads the body, of other middlewares",
        (
            f"{ACTUAL}[401 by a middleware]",
            f"{STAMPING}too_large_a_body_is_a_readable_413",
            f"{HERE}errors_are_readable_wherever_they_are_made",
        ),
    ),
    "E8": Case(
        "validation errors and early rejections",
        (
            f"{ACTUAL}[failed expectation]",
            f"{ACTUAL}[429 by a middleware]",
            f"{HERE}errors_are_readable_wherever_they_are_made[a handler validates]",
        ),
    ),
    "E9": Case(
        "the 400 of aiohttp's parser has none",
        reason="it reaches no hook, and there is no request to trust; the README's pitfalls say so",
    ),
    "E10": Case(
        "an exception in the hook dropped the connection",
        (f"{STAMPING}the_hook_is_total", f"{ASKED}[an exception]", BAD),
    ),
    # Caches
    "C1": Case(
        "no Vary: a cache gave one origin's header to another",
        (f"{ACTUAL}[plain resource]", f"{POLICY}stamp[listed]"),
    ),
    "C2": Case(
        "Vary only where the origin was present and allowed",
        (f"{ACTUAL}[plain resource]", f"{POLICY}stamp[no origin]", f"{POLICY}stamp[not listed]"),
    ),
    "C3": Case(
        "the Vary of others was overwritten",
        (
            f"{POLICY}vary_is_merged",
            f"{STAMPING}headers_set_by_hand_are_replaced",
            f"{HERE}lines_that_were_there_twice",
        ),
    ),
    "C4": Case(
        "a single pattern or callable counted as constant", (f"{HERE}a_list_of_one_varies_too",)
    ),
    "C5": Case(
        "Vary: Origin beside a constant * spoiled caches",
        (f"{PLUGIN}any_origin_is_a_constant_without_vary",),
    ),
    "C6": Case(
        "a cookie switched from * to the origin",
        (f"{HERE}cookies_and_authorization_change_nothing",),
    ),
    "C7": Case(
        "preflights did not vary by what they echo",
        (f"{PREFLIGHT}[plain resource]",),
        "answers to OPTIONS are not cacheable (RFC 9110, 9.3.7), so `Vary` is `Origin` alone",
    ),
    "C8": Case(
        "a single listed origin could be sent to everybody without Vary",
        (f"{HERE}a_list_of_one_varies_too[one origin]",),
        "not a feature: one that is not asked for is told nothing; only * is constant",
    ),
    "C9": Case(
        "one request's list of headers leaked into other users' preflights",
        (f"{HERE}names_echoed_to_one_page_do_not_reach_another",),
    ),
    "C10": Case(
        "a shared mapping of headers was changed: an origin leaked",
        (
            TENANTS,
            f"{DYNAMIC}every_response_matches_one_of_two_policies_entirely",
            f"{HERE}what_users_change_afterwards_reaches_no_other_response",
        ),
    ),
    # Matching
    "M1": Case(
        "a regular expression matched a prefix: https://trusted.example.evil.net passed",
        (
            f"{ORIGINS}does_not_match[no prefix]",
            f"{ORIGINS}does_not_match[whatever its anchors]",
            f"{ORIGINS}does_not_match[no suffix]",
            f"{ORIGINS}no_attempt_passes[regular expression]",
        ),
    ),
    "M2": Case(
        "wildcards crossed labels or ports, or let in all tenants of a host",
        (
            f"{MATCHING}a_pattern_matches_an_origin",
            f"{ORIGINS}does_not_match[a star matches no dot]",
            f"{ORIGINS}does_not_match[not on another port]",
            f"{REFUSALS}a_wildcard_rule_makes_suffixes_of_names",
        ),
    ),
    "M3": Case(
        "a tree of suffixes took barfoo.com for foo.com or bar.com",
        (
            f"{HERE}names_that_share_a_tail_are_apart",
            f"{ORIGINS}a_naive_matcher_agrees",
            f"{MATCHING}a_loop_over_the_patterns_agrees",
        ),
    ),
    "M4": Case(
        "text was guessed to be a regular expression",
        (
            f"{HERE}text_is_never_taken_for_a_regular_expression",
            f"{BAD_ORIGIN}['origin-bytes-pattern']",
        ),
    ),
    "M5": Case(
        "hosts without a scheme, paths and trailing slashes were taken and never matched",
        (
            f"{BAD_ORIGIN}['origin-no-scheme']",
            f"{BAD_ORIGIN}['origin-has-path']",
            f"{BAD_ORIGIN}['origin-has-trailing-slash']",
            f"{ORIGINS}does_not_match[not on another scheme]",
        ),
    ),
    "M6": Case(
        "origins were compared whatever their case",
        (
            f"{BAD_ORIGIN}['origin-upper-case']",
            f"{BAD_ORIGIN}['origin-non-ascii']",
            f"{ORIGINS}no_attempt_passes['HTTPS://app.example.com'-exact]",
            f"{ORIGINS}no_attempt_passes['https://app.Example.com'-wildcard]",
        ),
    ),
    "M7": Case(
        "a default port written out never matched",
        (
            f"{BAD_ORIGIN}['http://a.example.com:80'-'origin-default-port']",
            f"{ORIGINS}does_not_match[no default port written out]",
        ),
    ),
    "M8": Case(
        "no patterns for ports and subdomains: people fell back to * with credentials",
        (
            f"{ORIGINS}matches[http://localhost:*]",
            f"{ORIGINS}matches[https://*.example.com]",
            f"{PREFLIGHT}[plain resource]",
            ASKED,
        ),
    ),
    "M9": Case(
        "null passed by accident",
        (
            f"{BAD_ORIGIN}['origin-null']",
            f"{BAD_ORIGIN}['origin-file']",
            f"{ORIGINS}does_not_match[a regular expression is not asked about null]",
            f"{ASKED}[True]",
            f"{BAD}[null]",
        ),
    ),
    "M10": Case(
        "a malformed origin raised: anyone could make 500s",
        (
            BAD,
            f"{ORIGINS}matching_is_total",
            f"{MATCHING}matches_is_total_and_grants_no_text_that_is_no_origin",
        ),
    ),
    "M11": Case(
        "several origins in one header",
        (f"{PREFLIGHT}[plain resource]", f"{POLICY}stamp[listed]", f"{BAD}[two Origin lines]"),
    ),
    "M12": Case(
        "a stateful regular expression said yes and no in turn",
        (f"{POLICY}what_is_remembered_of_origins_is_bounded_and_true",),
        "Python's expressions have no state; what we remember of answers is tested",
    ),
    "M13": Case(
        "requests without an origin, or with the site's own, were blocked",
        (ACTUAL, WITHOUT_ORIGIN),
    ),
    # Credentials
    "K1": Case(
        "* with credentials: refused by browsers, or late",
        (f"{OPTIONS}refused[credentials-with-any-origin: {{'allow_credentials': True}}]",),
    ),
    "K2": Case(
        "* with credentials became any origin with cookies",
        (
            f"{OPTIONS}refused[credentials-with-any-origin: {{'allow_credentials': True}}]",
            f"{OPTIONS}from_env_refused[what does not go together]",
            f"{OPTIONS}changes_are_checked_alone_and_together",
            f"{OVERRIDES}fields_that_do_not_fit_are_refused_before_the_server_starts",
        ),
    ),
    "K3": Case(
        "a wildcard was turned into the request's origin",
        (
            f"{OVERRIDES}fields_that_do_not_fit_a_running_application_change_nothing",
            f"{OVERRIDES}rules_the_first_whose_origins_match_decides",
        ),
    ),
    "K4": Case(
        "Allow-Credentials was sent to refused origins too",
        (f"{ACTUAL}[plain resource]", f"{POLICY}stamp[everything, refused]", f"{PREFLIGHT}[view]"),
    ),
    "K5": Case(
        "* is a literal name with credentials, and never covers Authorization",
        (
            f"{HERE}names_echoed_to_one_page_do_not_reach_another",
            f"{POLICY}preflight_allowed[any header is echoed]",
            f"{POLICY}exposing_everything_with_credentials_lists_what_is_there",
        ),
    ),
    # Requested headers
    "H1": Case("only the first of several lines was judged", (f"{UNUSUAL}[several lines]",)),
    "H2": Case("a second line passed unseen", (f"{BAD}[second line of them]",)),
    "H3": Case(
        "an empty value was refused", (f"{UNUSUAL}[empty value]", f"{UNUSUAL}[64 empty elements]")
    ),
    "H4": Case(
        "names had to be sorted, in lower case, without spaces",
        (
            f"{UNUSUAL}[white space and repeats]",
            f"{FETCH}splitting_padding_and_repeating_change_nothing",
        ),
    ),
    "H5": Case(
        "names were compared with their case",
        (f"{PREFLIGHT}[plain resource]", f"{FETCH}requested_headers[case-is-folded]"),
    ),
    "H6": Case(
        "a JSON body needed configuration",
        (f"{PLUGIN}any_origin_is_a_constant_without_vary", f"{UNUSUAL}[several lines]"),
    ),
    "H7": Case(
        "users tried curl with the header itself and thought it broken",
        reason="the README says how to try a preflight; a command that does it is to come",
    ),
    "H8": Case(
        "names that browsers never let scripts set were accepted",
        (
            f"{OPTIONS}refused[header-forbidden: {{'allow_headers': ['Origin']}}]",
            f"{FETCH}forbidden_request_headers[DNT-is-the-browsers-own]",
            f"{FETCH}forbidden_request_headers[User-Agent-may-be-set]",
        ),
    ),
    "H9": Case(
        "what is no token was echoed",
        (
            f"{BAD}[white space inside a name]",
            f"{BAD}[bytes that are no token]",
            f"{FETCH}requested_headers[a-semicolon-is-malformed]",
            f"{OPTIONS}refused[name-not-a-token: {{'allow_headers': ['X One']}}]",
        ),
    ),
    "H10": Case(
        "long lists were costly",
        (
            f"{BAD}[900 names]",
            f"{BAD}[4000 empty elements]",
            f"{FETCH}requested_headers[64-KiB-and-one-are-too-long]",
        ),
    ),
    # Exposed headers
    "X1": Case(
        "exposing * listed what was there, in random order",
        (
            f"{POLICY}stamp[constants without an origin]",
            f"{POLICY}exposing_everything_with_credentials_lists_what_is_there",
        ),
    ),
    "X2": Case(
        "empty or malformed lists were sent",
        (
            f"{PLUGIN}any_origin_is_a_constant_without_vary",
            f"{POLICY}stamp",
            f"{POLICY}preflight_allowed",
        ),
    ),
    "X3": Case(
        "allowed and exposed headers were swapped",
        (f"{ACTUAL}[plain resource]", f"{PREFLIGHT}[plain resource]"),
    ),
    "X4": Case(
        "headers of preflights on other responses, and the reverse",
        (f"{ACTUAL}[plain resource]", f"{PREFLIGHT}[plain resource]"),
    ),
    "X5": Case(
        "all six headers everywhere",
        (f"{POLICY}stamp[everything-headers set by hand]", f"{PREFLIGHT}[plain resource]"),
    ),
    # Max age
    "G1": Case(
        "0 counted as not given",
        (
            f"{OPTIONS}normal_forms[0 is a value]",
            f"{POLICY}preflight_allowed[any header is echoed]",
        ),
    ),
    "G2": Case(
        "seconds with a fraction were sent",
        (
            f"{OPTIONS}normal_forms[timedelta]",
            f"{OPTIONS}refused[max-age-type: {{'max_age': 1.5}}]",
            f"{POLICY}preflight_allowed[all of it]",
        ),
    ),
    "G3": Case(
        "more than any browser keeps was cut silently",
        (f"{OPTIONS}refused[max-age-too-long: {{'max_age': 86401}}]",),
    ),
    "G4": Case(
        "True passed for a number", (f"{OPTIONS}refused[max-age-type: {{'max_age': True}}]",)
    ),
    # Methods
    "N1": Case(
        "HEAD was forgotten",
        (
            f"{ACTUAL}[HEAD]",
            f"{OPTIONS}normal_forms[GET, HEAD]",
            f"{POLICY}stamp[GET brings HEAD]",
            f"{PAIRS}[a function, HEAD of GET, before startup]",
        ),
    ),
    "N2": Case(
        "a list kept by hand forgot PATCH",
        (f"{PREFLIGHT}[nested sub-application]", f"{PREFLIGHT}[any-method route]"),
    ),
    "N3": Case(
        "patch was accepted for PATCH",
        (
            f"{NOT_SERVED}[wrong case]",
            f"{NOT_SERVED}[wrong case on an any-method route]",
            f"{OPTIONS}refused[method-case: {{'allow_methods': ['PUT', 'patch']}}]",
            "test_explain.py::test_a_method_that_differs_by_case_says_so",
        ),
    ),
    "N4": Case(
        "methods were looked for as parts of a text",
        (f"{HERE}a_part_of_a_method_is_another_method",),
    ),
    "N5": Case(
        "a bare string was read letter by letter",
        (f"{OPTIONS}refused[bare-string: {{'allow_methods': 'GET'}}]",),
    ),
    "N6": Case("* as the methods with credentials", (PREFLIGHT,)),
    "N7": Case(
        "users want to assert what a page may do, and to compare options",
        (
            "test_testing.py::test_what_a_script_reads",
            "test_explain.py::test_explain",
            f"{REFUSALS}a_copy_is_equal",
        ),
    ),
    # Preflights
    "P1": Case(
        "a 204 hung old clients, a 200 had a body",
        (f"{HERE}the_status_of_a_preflight_is_a_choice_and_its_body_empty",),
    ),
    "P2": Case(
        "a refusal's status hid the browser's message",
        (f"{PREFLIGHT}[plain resource]", f"{POLICY}preflight_refused"),
        "403 without any allow header; debug mode gives the browser's message back; P3",
    ),
    "P3": Case(
        "the console named no failing check",
        (
            f"{PREFLIGHTS}debug_mode_explains_and_never_lets_through",
            f"{CHROMIUM}the_console_names_the_failing_check_in_debug_mode",
        ),
    ),
    "P4": Case("OPTIONS without an origin counted as a preflight", (f"{OWN_OPTIONS}[no origin]",)),
    "P5": Case(
        "the preflight's 404 hid the real one",
        (f"{PREFLIGHT}[a path that nobody serves]", f"{PREFLIGHT}[the same in a sub-application]"),
    ),
    # Middlewares
    "B1": Case(
        "authentication refused preflights, which never carry credentials",
        (f"{PREFLIGHT}[behind authentication]",),
    ),
    "B2": Case(
        "preflights moved into a route handler broke every user with authentication",
        (
            f"{PREFLIGHT}[behind authentication]",
            f"{HERE}the_order_of_setup_middlewares_and_routes_does_not_matter",
        ),
    ),
    "B3": Case(
        "every OPTIONS was let past authentication by hand",
        (f"{REQUESTS}is_preflight_and_allows_origin", f"{OWN_OPTIONS}[/members/me]"),
    ),
    "B4": Case(
        "the order of registration decided",
        (f"{HERE}the_order_of_setup_middlewares_and_routes_does_not_matter",),
    ),
    "B5": Case("the 401 could not be read", (f"{ACTUAL}[401 by a middleware]",)),
    # Duplicates
    "D1": Case(
        "a header set by the handler or an upstream crashed the hook",
        (f"{STAMPING}headers_set_by_hand_are_replaced", f"{HERE}lines_that_were_there_twice"),
    ),
    "D2": Case(
        "a proxy added the headers once more",
        reason="not to be seen from inside; the README's pitfalls say so, a command is to come",
    ),
    "D3": Case(
        "responses with headers of their own were left alone",
        (
            f"{STAMPING}headers_set_by_hand_are_replaced",
            f"{PLUGIN}without_defaults_everything_is_as_without_the_plugin",
        ),
        "the policy decides, so that no header passes by accident; under None they are left alone",
    ),
    "D4": Case("copying lost repeated lines", (f"{HERE}lines_that_were_there_twice",)),
    # WebSockets
    "Q1": Case(
        "CORS was thought to guard WebSockets, or broke their handshake",
        (
            f"{STAMPING}guarded_websockets",
            f"{STAMPING}websocket_handshake_is_stamped",
            f"{REQUESTS}is_same_origin",
        ),
    ),
    "Q2": Case(
        "WebSockets pass unchecked",
        (f"{HERE}a_websocket_that_is_not_guarded_opens_for_everybody",),
    ),
    # Streams
    "Z1": Case(
        "headers came after the stream had begun",
        (
            f"{ACTUAL}[server-sent events]",
            f"{HERE}events_arrive_while_the_stream_is_open_and_after_a_reconnect",
        ),
    ),
    "Z2": Case(
        "a response that was prepared could not be stamped",
        (
            f"{ACTUAL}[server-sent events]",
            f"{STAMPING}websocket_handshake_is_stamped",
            f"{ACTUAL}[static file]",
        ),
    ),
    "Z3": Case(
        "streams were not tested",
        (f"{HERE}events_arrive_while_the_stream_is_open_and_after_a_reconnect",),
    ),
    # Speed
    "Y1": Case(
        "each request parsed the whole list", (f"{HERE}a_request_compiles_and_parses_nothing",)
    ),
    "Y2": Case(
        "lists were scanned, values joined for each preflight",
        (
            f"{HERE}a_request_compiles_and_parses_nothing",
            f"{REFUSALS}a_long_list_is_not_read_again",
            f"{POLICY}what_is_remembered_of_origins_is_bounded_and_true",
        ),
        "that matching does not scan is measured by tests/benchmarks/matching.py, not timed here",
    ),
    "Y3": Case("a private attribute of aiohttp's held up its work", (PRIVATE,)),
    "Y4": Case(
        "shared lists could be changed by outer layers",
        (
            f"{HERE}what_users_change_afterwards_reaches_no_other_response",
            f"{OPTIONS}frozen_hashable_and_replaceable",
        ),
    ),
    # Logging
    "L1": Case(
        "why was it refused?",
        (
            f"{PREFLIGHTS}debug_mode_explains_and_never_lets_through",
            f"{POLICY}preflight_refused",
            "test_reports.py::test_a_refused_preflight_is_one_record_and_in_debug_mode_a_body",
            "test_reports.py::test_a_hidden_response_is_one_record",
            "test_explain.py::test_explain",
        ),
    ),
    "L2": Case(
        "line breaks of a request forged lines of the log",
        (
            f"{HERE}a_request_cannot_forge_a_line_of_the_log",
            f"{ERRORS}a_problem_reads_as_a_sentence[a-line-break-cannot-forge-a-line]",
        ),
    ),
    "L3": Case("too chatty", (f"{REPORTS}nothing_is_logged_for_good_traffic",)),
    "L4": Case(
        "a record per request is a way to flood the log",
        (
            f"{REPORTS}nothing_is_logged_for_good_traffic",
            "test_log.py::test_a_flood_of_different_kinds_ends_with_a_record_that_says_so",
            "test_reports.py::test_a_refused_preflight_is_one_record_and_in_debug_mode_a_body",
        ),
    ),
    # Typing
    "U1": Case(
        "marked as typed, and not typed",
        (f"{HERE}everything_is_annotated_and_no_optional_is_implicit",),
        "whether the annotations are right is for mypy and pyright, strict, in CI",
    ),
    "U2": Case(
        "a private name was imported, and went away",
        (f"{HERE}nothing_private_is_imported_from_elsewhere",),
    ),
    "U3": Case(
        "stubs disagreed with what is accepted",
        (f"{OPTIONS}accepted[re]",),
        "there are no stubs: the annotations stand in the source, and CI checks them",
    ),
    # Packaging
    "J1": Case(
        "each major aiohttp broke it, and capped versions blocked upgrades",
        (PRIVATE, NO_CAP),
        "CI runs the tests on the oldest aiohttp that is supported and on the newest",
    ),
    "J2": Case("years without a release", reason="a matter of people, not of code"),
    "J3": Case(
        "packagers met removed functions and broken tests",
        (README + "every_program_runs_and_starts",),
        "warnings are errors in the tests, and CI runs them on the oldest and newest Python",
    ),
    "J4": Case("a wrong python_requires, a back-port of typing", (NO_CAP,)),
    "J5": Case(
        "changed defaults surprised users",
        (
            f"{README}the_readme_lists_every_option_with_its_default",
            f"{OPTIONS}normal_forms[any origin is the default]",
        ),
    ),
    "J6": Case(
        "Python 3.12 changed how coroutines are told",
        (f"{HERE}an_answer_is_awaited_whatever_gave_it",),
    ),
    "J7": Case(
        "the README's example did not run",
        (f"{README}every_program_runs_and_starts",),
    ),
    # Tenants
    "T1": Case("origins in a database", (TENANTS, f"{README}the_tenants_are_told_apart")),
    "T2": Case(
        "decisions by other headers had a wrong Vary",
        (ASKED, f"{POLICY}what_a_callable_reads_varies"),
    ),
    "T3": Case(
        "callables became return True",
        (f"{ASKED}[True]", f"{POLICY}judge_asking[not asked about null]"),
        "what a callable says about a real origin is the user's; it is never asked about others",
    ),
    "T4": Case(
        "swapping everything while the server runs",
        (
            f"{DYNAMIC}every_response_matches_one_of_two_policies_entirely",
            f"{OVERRIDES}fields_that_do_not_fit_a_running_application_change_nothing",
        ),
    ),
    "T5": Case(
        "other options for other requests",
        (f"{OVERRIDES}rules_the_first_whose_origins_match_decides", PAIRS),
        "by route and by origin; options made anew for each request are no feature",
    ),
    "T6": Case(
        "async callables", (f"{TENANTS}[async]", f"{HERE}an_answer_is_awaited_whatever_gave_it")
    ),
    # Environment
    "I1": Case(
        "lists with spaces, trailing slashes, empty and unset variables",
        (
            f"{OPTIONS}from_env",
            f"{OPTIONS}from_env_refused",
            f"{OPTIONS}from_mapping_refused",
            f"{OPTIONS}refused[not-a-list: {{'allow_origins': None}}]",
            f"{BAD_ORIGIN}[None-'origin-type']",
        ),
    ),
    # Local networks
    "LN1": Case("a header opened private networks unasked", (NETWORK,)),
    "LN2": Case("an option for it, and its Vary was forgotten", (NETWORK,)),
    "LN3": Case("a library took it out again", (NETWORK,), "the standard names no such header"),
    "LN4": Case(
        "some still ask for it",
        (NETWORK,),
        "browsers came to ask the user instead; the README says that we do not offer it",
    ),
    # Timing
    "TC1": Case("nobody offers Timing-Allow-Origin", (f"{POLICY}stamp[everything]",)),
    "TC2": Case(
        "it follows the origins that are allowed",
        (
            f"{POLICY}stamp[everything]",
            f"{POLICY}stamp[constants without an origin]",
            f"{POLICY}timing_set_by_hand_is_left_alone_unless_the_policy_speaks_of_it",
        ),
    ),
    "TC3": Case(
        "a second Cross-Origin-Resource-Policy makes browsers ignore both",
        (WITHOUT_ORIGIN,),
        "never sent: the test compares all headers with those of the bare application",
    ),
}
