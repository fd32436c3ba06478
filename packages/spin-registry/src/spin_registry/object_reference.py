"""Checks, imports and calls objects that are given as "module:attribute"."""

import contextlib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from spin_registry.errors import EntryImportError, OptionError, PluginExitError, did_you_mean

_KEYWORDS = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def check_object_reference(target: str, what: str) -> None:
    """Checks that a reference has the form "module:attribute".

    Args:
      target: the reference.
      what: the name of the reference; the error message begins with it.

    Raises:
      ValueError: if `target` does not have this form.
    """
    if isinstance(target, str):
        module, _, attribute = target.partition(":")
        if all(part.isidentifier() for part in [*module.split("."), *attribute.split(".")]):
            return
    raise ValueError(
        f"{what} must be a string 'module:attribute', such as 'my_package.nets:my_net', "
        f"not {target!r}"
    )


def call_object(
    owner: str, target: str, options: Mapping[str, Any], /, *positional: Any, **keywords: Any
) -> Any:
    """Imports an object and calls it as `object(*positional, **keywords, **options)`.

    Exceptions that the object itself raises are passed on unchanged.

    Args:
      owner: the entry that the reference belongs to; error messages begin with it.
      target: the reference, a string that `check_object_reference` accepts.
      options: keyword arguments, checked against the object's signature before the call.
      *positional: positional arguments that the object must accept.
      **keywords: keyword arguments that the object must accept.

    Raises:
      EntryImportError: if the object cannot be imported, or is not callable.
      OptionError: if the object's signature does not accept the arguments.
      PluginExitError: if the object calls `sys.exit`.
    """
    function = load_object(owner, target)
    signature = _signature(function)
    if signature is not None:
        _check_options(f"{owner} ({target})", signature, options, positional, keywords)
    with _without_exit(f"{owner} ({target})"):
        return function(*positional, **keywords, **options)


def has_option(owner: str, target: str, option: str) -> bool:
    """Returns whether an object has a keyword argument of this name, which it imports to see.

    Args:
      owner: the entry that the reference belongs to; error messages begin with it.
      target: the reference, a string that `check_object_reference` accepts.
      option: the name of the argument.

    Raises:
      EntryImportError: if the object cannot be imported, or is not callable.
    """
    signature = _signature(load_object(owner, target))
    parameter = signature.parameters.get(option) if signature else None
    return parameter is not None and parameter.kind in _KEYWORDS


def load_object(owner: str, target: str) -> Callable[..., Any]:
    """Imports the function or class that a reference names.

    Args:
      owner: the entry that the reference belongs to; error messages begin with it.
      target: the reference, a string that `check_object_reference` accepts.

    Raises:
      EntryImportError: if the object cannot be imported, or is not callable.
      PluginExitError: if its module calls `sys.exit`.
    """
    module_name, _, attributes = target.partition(":")
    try:
        with _without_exit(f"{owner}: the import of {module_name!r}, wanted for {target!r},"):
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


@contextlib.contextmanager
def _without_exit(what: str) -> Iterator[None]:
    try:
        yield
    except SystemExit as error:
        raise PluginExitError(
            f"{what} called sys.exit({error.code!r}); a plugin must raise an exception instead"
        ) from error


def _signature(function: Callable[..., Any]) -> inspect.Signature | None:
    """Returns the signature of a function or class; None if Python cannot determine it."""
    if inspect.isclass(function) and function.__init__ is not object.__init__:
        # For a class, inspect returns the metaclass's signature. Flax's metaclass accepts anything.
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
