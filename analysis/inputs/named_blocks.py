"""Residual blocks of any network by their names: its forward is followed by torch.fx and cut at the blocks.

What is cut is run against the network's own forward before anything is measured on it (`self_check`).
"""

import inspect
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn

from analysis.inputs.chain import Chain, out_of_place_copy
from resnet_lab.errors import UserError

_ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_"}


class NamedBlock(nn.Module):
    """A block as `after(skip(x) + residual(x))`, each part cut from its own forward. Raises UserError.

    `branch` is the name, within the block, of the module whose output is added to the shortcut, alone or after more
    modules and factors: what it reads, and all that leads there from the block's input, is the residual branch.
    """

    def __init__(self, block: nn.Module, name: str, branch: str) -> None:
        super().__init__()
        added = _module(block, branch, f"{name} has no module {branch!r} whose output is added to its shortcut")
        traced = _trace(block, name, lambda module: any(each is added for each in module.modules()) and module != added)
        x, branch_output = _placeholder(traced, name), _only_call(traced, branch, name)
        total, term, other = _addition(branch_output, name, branch)
        self.before = nn.Identity()
        self.skip = _part(block, x, other, f"the shortcut of {name} reads more than its input")
        self.residual = _part(block, x, term, f"the branch of {name} reads more than the block's input")
        self.after = _part(block, total, _result(traced), f"{name} reads more than branch plus shortcut after them")

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.after(self.skip(x) + self.residual(x))
        return out

    def branch_modules(self) -> Iterator[nn.Module]:
        """Yield the innermost modules that the branch has and the shortcut has not."""
        shared = set(self.skip.modules())
        yield from (m for m in self.residual.modules() if not list(m.children()) and m not in shared)


def named_chain(model: nn.Module, blocks: Sequence[str], branch: str, image: Sequence[int]) -> Chain:
    """Return the chain of any network, its blocks those modules; `image` is the [C, H, W] of an image it takes.

    They are numbered in the order in which they run, whatever the order of `blocks`. Raises UserError where a name is
    wrong, where the forward cannot be followed or the blocks are not in a row, and where a block is not its shortcut
    plus its branch.
    """
    model = out_of_place_copy(model)
    what = type(model).__name__
    if not blocks:
        raise UserError("blocks=[] names no block: give names of modules, such as layer1.0")
    found = {name: _module(model, name, f"{what} has no module {name!r} to be a block") for name in blocks}
    chosen = set(found.values())
    traced = _trace(model, what, lambda module: module not in chosen and bool(chosen & set(module.modules())))
    calls = sorted(((_only_call(traced, name, what), name) for name in found), key=lambda each: _place(each[0]))
    items: list[nn.Module] = []
    positions: list[int] = []
    at = _placeholder(traced, what)
    for call, name in calls:
        reads = _only_argument(call, name)
        if reads is not at:
            items.append(_part(model, at, reads, f"what {name} reads does not come from the block before it alone"))
        positions.append(len(items))
        items.append(NamedBlock(found[name], name, branch))
        at = call
    items.append(_part(model, at, _result(traced), "what follows the last block reads more than its output"))
    return Chain(tuple(items), tuple(positions), tuple(image))


def require_branch(branch: str | None) -> str:
    """Return the branch. Raises UserError where it is missing."""
    if not branch:
        raise UserError(
            "blocks are given by name: say branch=..., the module in each whose output the shortcut is added to"
        )
    return branch


def first_image(loader: Iterable[tuple[Tensor, Tensor]]) -> tuple[tuple[int, ...], Iterable[tuple[Tensor, Tensor]]]:
    """Return the [C, H, W] of a loader's images, and the loader, whole. Raises UserError where it is empty."""
    batches = iter(loader)
    first = next(batches, None)
    if first is None:
        raise UserError("the loader gives no batch: give one of (images, labels)")
    return tuple(first[0].shape[1:]), itertools.chain([first], batches) if batches is loader else loader


def _module(model: nn.Module, name: str, problem: str) -> nn.Module:
    try:
        return model.get_submodule(name)
    except AttributeError:
        names = [each for each, _ in model.named_modules() if each]
        shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
        raise UserError(f"{problem}: its modules are {shown}") from None


class _Tracer(fx.Tracer):
    """A tracer that enters only the modules it has to."""

    def __init__(self, enters: Callable[[nn.Module], bool]) -> None:
        super().__init__()
        self.enters = enters

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002  # torch's signature
        return not self.enters(m)


def _trace(module: nn.Module, what: str, enters: Callable[[nn.Module], bool]) -> fx.Graph:
    parameters = inspect.signature(module.forward).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not each.empty}
    try:
        return _Tracer(enters).trace(module, concrete_args=defaults or None)
    except Exception as error:  # anything may happen in a stranger's forward
        reason = " ".join(str(error).split())[:150]
        raise UserError(
            f"the forward of {what} cannot be followed ({reason}): move what decides by the numbers into a module of "
            "its own that holds no block"
        ) from None


def _placeholder(graph: fx.Graph, what: str) -> fx.Node:
    read: list[fx.Node] = [
        node
        for node in graph.nodes
        if node.op == "placeholder" and any("_assert" not in str(user.target) for user in node.users)
    ]
    if len(read) != 1:
        raise UserError(f"{what} reads {len(read)} inputs: lesions and paths need one that takes images alone")
    return read[0]


def _result(graph: fx.Graph) -> Any:
    (output,) = (node for node in graph.nodes if node.op == "output")
    return output.args[0]


def _place(node: fx.Node) -> int:
    return list(node.graph.nodes).index(node)


def _only_call(graph: fx.Graph, name: str, what: str) -> fx.Node:
    calls: list[fx.Node] = [node for node in graph.nodes if node.op == "call_module" and node.target == name]
    if len(calls) != 1:
        raise UserError(f"{what} runs {name} {len(calls)} times in a forward pass: name modules that run once")
    return calls[0]


def _only_argument(call: fx.Node, name: str) -> fx.Node:
    given = (*call.args, *call.kwargs.values())
    if len(given) != 1 or not isinstance(given[0], fx.Node):
        raise UserError(f"{name} is called with {len(given)} arguments: a block takes one tensor")
    return given[0]


def _addition(branch: fx.Node, name: str, attribute: str) -> tuple[fx.Node, fx.Node, fx.Node]:
    """Return the sum that a branch's output ends in, its term there, and the other one."""
    term = branch
    while len(term.users) == 1:
        (user,) = term.users
        if user.op in ("call_function", "call_method") and user.target in _ADDITIONS:
            others = [node for node in user.args if node is not term]
            if len(user.args) == 2 and not user.kwargs and len(others) == 1 and isinstance(others[0], fx.Node):
                return user, term, others[0]
            break
        term = user
    raise UserError(
        f"the output of {attribute} in {name} is not added to a shortcut: name as branch the module of the block whose "
        "output is, such as bn2 of a torchvision BasicBlock"
    )


def _part(root: nn.Module, given: fx.Node, wanted: Any, problem: str) -> fx.GraphModule:
    """Return what computes one value of a graph from another. Raises UserError where it needs a further one."""
    if not isinstance(wanted, fx.Node):
        raise UserError(f"{problem}: lesions and paths need a forward that gives one tensor")
    needed, left = set[fx.Node](), [wanted]
    while left:
        node = left.pop()
        if node is given or node in needed:
            continue
        if node.op == "placeholder":
            raise UserError(f"{problem}: name other blocks, in a row, or another branch")
        needed.add(node)
        left += node.all_input_nodes
    graph = fx.Graph()
    copies = {given: graph.placeholder("x")}
    for node in given.graph.nodes:
        if node in needed:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[wanted])
    return fx.GraphModule(root, graph)
