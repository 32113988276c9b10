"""KayGraph: nodes with three steps, wired into graphs that follow the nodes' actions."""

from kaygraph.async_ import (
    AsyncBatchGraph,
    AsyncBatchNode,
    AsyncGraph,
    AsyncNode,
    AsyncParallelBatchGraph,
    AsyncParallelBatchNode,
)
from kaygraph.base import BaseNode
from kaygraph.batch import BatchNode, ParallelBatchNode
from kaygraph.config import Config
from kaygraph.graph import BatchGraph, Graph
from kaygraph.metrics import MetricsNode
from kaygraph.node import Node
from kaygraph.validated import ValidatedNode

__version__ = "0.2.0"

__all__ = [
    "AsyncBatchGraph",
    "AsyncBatchNode",
    "AsyncGraph",
    "AsyncNode",
    "AsyncParallelBatchGraph",
    "AsyncParallelBatchNode",
    "BaseNode",
    "BatchGraph",
    "BatchNode",
    "Config",
    "Graph",
    "MetricsNode",
    "Node",
    "ParallelBatchNode",
    "ValidatedNode",
]
