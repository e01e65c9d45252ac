"""From a torch graph to the bytes of an ONNX file that carries its contract."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager

import onnx
import torch
from torch import nn

from runtime.actor import ENTITY_INPUTS
from runtime.contract import METADATA_KEY, Contract, encode_contract
from runtime.entities import input_sizes

OPSET = 18
"""ONNX operator set; read by every onnxruntime since 1.14."""


def onnx_bytes(graph: nn.Module, contract: Contract) -> bytes:
    """Convert, embed the contract, check.

    Args:
        graph: takes observation [B, D] (and state [B, S] where S > 0), returns action [B, 2] (and next state [B, S]); that of an entity
            actor takes what `runtime.entities.input_sizes` names in place of the observation.
        contract: what the graph takes and gives.

    Returns:
        One self-contained ONNX file, for any B, and any numbers of landmarks and peers of an entity actor.

    Raises:
        onnx.checker.ValidationError: the file would not be valid.
    """
    sizes = input_sizes(contract.layout, contract.words) if contract.reads_entities else {"observation": contract.observation_size}
    # Counts of their own: the exporter takes equal ones for one and the same.
    counts = {name: [2, 3 + number] if name in ENTITY_INPUTS else [2] for number, name in enumerate(sizes)}
    inputs = [torch.zeros(*counts[name], size) for name, size in sizes.items()]
    outputs = ["action", "message"] if contract.words else ["action"]
    batch = torch.export.Dim("batch", min=1)
    dimensions = [{0: batch, 1: torch.export.Dim(name, min=1)} if name in ENTITY_INPUTS else {0: batch} for name in sizes]
    if contract.state_size:
        inputs.append(torch.zeros(2, contract.state_size))
        outputs.append("next_state")
        dimensions.append({0: batch})
    with _quiet_exporter():
        program = torch.onnx.export(
            graph.eval(),
            tuple(inputs),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=tuple(dimensions),
            external_data=False,
            verbose=False,
            input_names=[*sizes, *["state"] * (contract.state_size > 0)],
            output_names=outputs,
        )
    buffer = io.BytesIO()
    program.save(buffer)
    model = onnx.load_from_string(buffer.getvalue())
    _forget_the_source(model)
    model.metadata_props.add(key=METADATA_KEY, value=encode_contract(contract))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def with_contract(model: bytes, contract: Contract) -> bytes:
    """The same actor under another contract: the graph of an entity actor is the same for all robots."""
    loaded = onnx.load_from_string(model)
    del loaded.metadata_props[:]
    loaded.metadata_props.add(key=METADATA_KEY, value=encode_contract(contract))
    return loaded.SerializeToString()


def _forget_the_source(model: onnx.ModelProto) -> None:
    """Drop the stack traces and shapes that the exporter notes at each node: they name its machine's files and triple the size."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    for part in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del part.metadata_props[:]
        part.doc_string = ""


@contextmanager
def _quiet_exporter():
    """The exporter warns of operators of packages that are not installed, and of its own deprecations; neither concerns the user."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
