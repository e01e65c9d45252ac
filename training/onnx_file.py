"""From a torch graph to the bytes of an ONNX file that carries its contract."""

from __future__ import annotations

import io
import logging
import warnings
from contextlib import contextmanager

import onnx
import torch
from torch import nn

from runtime.contract import METADATA_KEY, Contract, encode_contract

OPSET = 18
"""ONNX operator set; read by every onnxruntime since 1.14."""


def onnx_bytes(graph: nn.Module, contract: Contract) -> bytes:
    """Convert, embed the contract, check.

    Args:
        graph: takes observation [B, D] (and state [B, S] where S > 0), returns action [B, 2] (and next state [B, S]).
        contract: what the graph takes and gives.

    Returns:
        One self-contained ONNX file, any B.

    Raises:
        onnx.checker.ValidationError: the file would not be valid.
    """
    inputs = [torch.zeros(2, contract.observation_size)]
    names = {"input_names": ["observation"], "output_names": ["action"]}
    if contract.state_size:
        inputs.append(torch.zeros(2, contract.state_size))
        names = {"input_names": ["observation", "state"], "output_names": ["action", "next_state"]}
    batch = torch.export.Dim("batch", min=1)
    with _quiet_exporter():
        program = torch.onnx.export(
            graph.eval(),
            tuple(inputs),
            dynamo=True,
            opset_version=OPSET,
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            external_data=False,
            verbose=False,
            **names,
        )
    buffer = io.BytesIO()
    program.save(buffer)
    model = onnx.load_from_string(buffer.getvalue())
    _forget_the_source(model)
    model.metadata_props.add(key=METADATA_KEY, value=encode_contract(contract))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


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
