"""Builds registered models, with new weights or with weights from a file."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from flax import nnx

import spin_data
import spin_registry
from spin_layers import create_with_weights, read_weights, replaced_weights
from spin_registry import ClassSpec, FieldSpec, ModelDescription
from spin_train.errors import ModelError, as_user_error, blamed, plugin_errors
from spin_train.model.functional import FunctionalModel, Variables, functional_model
from spin_train.model.trained import TrainedModel


def describe_model(
    config: ml_collections.ConfigDict,
    dataset: spin_data.Dataset,
    class_names: tuple[str, ...] = (),
) -> ModelDescription:
    """Describes a configuration's model for a dataset.

    Args:
      config: contains `model_name` and `model_options`.
      dataset: defines the input, the output and the names of the classes.
      class_names: names of the classes, used if the dataset has none.

    Raises:
      ModelError: if the model is unknown.
    """
    with as_user_error(ModelError, f"model {config.model_name!r}", spin_registry.RegistryError):
        # Includes the registered options, which may change after the weights were trained.
        registered = dict(spin_registry.get_model(config.model_name).options)
    options = registered | config.model_options.to_dict()
    names = tuple(dataset.class_names or class_names)
    images = dataset.images.to_json() if dataset.images else {}
    return ModelDescription(
        config.model_name, options, dataset.input, dataset.output, names, images
    )


def build_model(config: ml_collections.ConfigDict, dataset: spin_data.Dataset) -> FunctionalModel:
    """Creates a configuration's model for a dataset, with the configuration's seed and options.

    Raises:
      ModelError: if the model is unknown or cannot be built.
    """
    name, options = config.model_name, config.model_options.to_dict()
    origin = spin_registry.model_origin(name)
    with as_user_error(ModelError, f"model {name!r}", *plugin_errors(options)), blamed(origin):
        model = spin_registry.get_model(name).create(
            input=dataset.input, output=dataset.output, rngs=nnx.Rngs(config.seed), **options
        )
    if not isinstance(model, nnx.Module):
        raise ModelError(
            f"{origin}: its factory returned {model!r:.80}, but must return a flax.nnx.Module"
        )
    return functional_model(model, origin)


def build_described_model(description: ModelDescription, seed: int) -> FunctionalModel:
    """Creates the model that a description of a run names, with new parameters.

    Raises:
      ModelError: if the model is not registered, or does not accept its options any more.
    """
    origin = spin_registry.model_origin(description.model_name)
    causes = (ValueError, spin_registry.RegistryError)
    with as_user_error(ModelError, f"model {description.model_name!r}", *causes), blamed(origin):
        module = description.create(nnx.Rngs(seed))
    return functional_model(module, origin)


def check_outputs(
    model: FunctionalModel, record: Mapping[str, Any], output: ClassSpec | FieldSpec
) -> None:
    """Checks the shape and dtype of a model's outputs, without computing them.

    Args:
      model: the model.
      record: a record of the dataset, which defines the dtypes of the fields.
      output: the specification of the outputs. Only classes are checked.

    Raises:
      ModelError: if the outputs are no logits of these classes.
    """
    if not isinstance(output, ClassSpec):
        return
    fields = {
        name: jax.ShapeDtypeStruct((2, *np.shape(values)), jnp.result_type(values))
        for name, values in record["input"].items()
    }

    def outputs_of(variables: Variables, fields: Mapping[str, jax.Array]) -> Any:
        return model.apply(variables, spin_data.decode_fields(fields), step=None)[0]

    found = jax.eval_shape(outputs_of, model.variables, fields)
    expected = (2, output.num_classes)
    if (
        isinstance(found, jax.ShapeDtypeStruct)
        and found.shape == expected
        and jnp.issubdtype(found.dtype, jnp.floating)
    ):
        return
    returned = f"{found!r:.80}"
    if isinstance(found, jax.ShapeDtypeStruct):
        returned = f"{found.dtype} of shape {found.shape}"
    raise ModelError(
        f"{model.origin} returns {returned} for 2 examples of {output.num_classes} classes, but "
        f"must return logits, float32 of shape {expected}"
    )


def with_weights(model: FunctionalModel, path: str) -> tuple[FunctionalModel, tuple[str, ...]]:
    """Replaces a model's initial weights by those of a file, for fine-tuning.

    Args:
      model: the model.
      path: path of a file written by `spin-export`; "" to change nothing.

    Returns:
      The model, and remarks for the user. They name the arrays that keep their random values
      because the file's arrays have another shape, such as the head of a model for other classes.

    Raises:
      ModelError: if the file is missing or damaged, or contains the weights of another model.
    """
    if not path:
        return model, ()
    with as_user_error(ModelError, "initial_weights", ValueError, OSError):
        weights = read_weights(Path(path).expanduser())
    variables = model.variables
    trees = {"params": variables.params, "batch_stats": variables.batch_stats}
    filled, unmatched, mismatched = replaced_weights(trees, weights)
    if unmatched or len(mismatched) == len(jax.tree.leaves(trees)):
        raise ModelError(
            f"initial_weights {path!r} are of another model: "
            f"{'; '.join((unmatched or mismatched)[:3])}; choose the model "
            f"({weights.metadata.get('model_name', 'unknown')!r}) and the model_options that they "
            "were trained with"
        )
    remarks = [f"training starts from the weights of {path}"]
    if mismatched:
        remarks.append(f"these arrays start from random values: {'; '.join(mismatched)}")
    variables = dataclasses.replace(
        variables, params=filled["params"], batch_stats=filled["batch_stats"]
    )
    return dataclasses.replace(model, variables=variables), tuple(remarks)


def load_trained_model(path: str | Path) -> TrainedModel:
    """Loads a model from a file written by `spin-export`.

    Raises:
      ModelError: if the file is missing or damaged, or the model is not registered.
    """
    causes = (ValueError, OSError, spin_registry.RegistryError)
    subject = f"weights {str(path)!r}"
    with as_user_error(ModelError, subject, *causes), blamed(f"the model of {subject}"):
        weights = read_weights(Path(path).expanduser())
        description = ModelDescription.from_json(weights.metadata)
        if description.images:
            spin_data.ImageReading.from_json(description.images)
        module = create_with_weights(
            lambda: description.create(nnx.Rngs(0)), weights, description.sizes()
        )
    model = functional_model(module, spin_registry.model_origin(description.model_name))
    return TrainedModel(model, model.variables, description)


def description_as_json(description: ModelDescription) -> dict[str, Any]:
    """Returns a description as the JSON object that is stored in a file of weights.

    Raises:
      ModelError: if the grid's type is not registered, or JSON cannot represent an option.
    """
    with as_user_error(ModelError, "cannot describe the model", ValueError, TypeError):
        return json.loads(json.dumps(description.to_json()))
