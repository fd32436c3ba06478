"""What an entry points to, written "module:attribute": checked, imported and called."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from spin_registry.errors import EntryImportError, OptionError, did_you_mean

_KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_target(target: str, what: str) -> None:
    """Raises a `ValueError` that begins with `what` if `target` is not "module:attribute"."""
    if isinstance(target, str):
        module, _, attribute = target.partition(":")
        if all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
            return
    raise ValueError(
        f"{what} must be a string 'module:attribute', such as 'my_package.nets:my_net', "
        f"not {target!r}"
    )


def call_target(
    owner: str, target: str, options: Mapping[str, Any], /, *positional: Any, **keywords: Any
) -> Any:
    """Imports a target and calls it as `target(*positional, **keywords, **options)`.

    Args:
        owner: what the target belongs to; error messages begin with it.
        target: a string that `check_target` accepts.
        options: keyword arguments, checked against the target's signature before the call.
        *positional: what the target must accept by position.
        **keywords: what the target must accept by name.

    Raises:
        EntryImportError: if the target cannot be imported, or is not callable.
        OptionError: if its signature does not accept the arguments. What it raises itself is left
            as it is.
    """
    function = _load(owner, target)
    signature = _signature(function)
    if signature is not None:
        _check_options(f"{owner} ({target})", signature, options, positional, keywords)
    return function(*positional, **keywords, **options)


def _load(owner: str, target: str) -> Callable[..., Any]:
    module_name, _, attributes = target.partition(":")
    try:
        found = importlib.import_module(module_name)
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise EntryImportError(
            f"{owner}: cannot import {module_name!r}, wanted for {target!r}: {reason}; "
            "install what is missing, or correct the plugin"
        ) from error
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise EntryImportError(
                f"{owner}: {target!r} does not exist: {found!r} has no attribute {attribute!r}"
                f"{did_you_mean(attribute, dir(found))}; correct the plugin"
            )
        found = getattr(found, attribute)
    if not callable(found):
        raise EntryImportError(
            f"{owner}: {target!r} is not callable: {found!r}; name a function or a class"
        )
    return found


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Returns how a function or class is called; None where Python cannot tell."""
    if inspect.isclass(function) and function.__init__ is not object.__init__:
        # Asked for the class, inspect would answer for its metaclass: flax's accepts anything.
        function = partial(function.__init__, None)
    try:
        return inspect.signature(function)
    except ValueError:
        return None


def _check_options(
    called: str,
    signature: inspect.Signature,
    options: Mapping[str, Any],
    positional: tuple[Any, ...],
    keywords: Mapping[str, Any],
) -> None:
    try:
        bound = signature.bind_partial(*positional, **keywords)
    except TypeError as error:
        raise OptionError(
            f"{called}: takes {signature}, but is called with {len(positional)} positional "
            f"arguments and the keywords {sorted(keywords)}: {error}; correct the plugin"
        ) from None
    parameters = signature.parameters.values()
    accepted = [p.name for p in parameters if p.kind in _KEYWORDS and p.name not in bound.arguments]
    allowed = f"the options are {', '.join(accepted)}" if accepted else "there are no options"
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    for option in options:
        if option in keywords or not (takes_any or option in accepted):
            raise OptionError(
                f"{called}: unknown option {option!r}{did_you_mean(option, accepted)}; {allowed}"
            )
    try:
        signature.bind(*positional, **{**keywords, **options})
    except TypeError as error:
        raise OptionError(f"{called}: {error}; {allowed}") from None
