"""Muon for the weight matrices, AdamW for everything else.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces a matrix's averaged
gradient by the nearest orthogonal matrix, so that directions which the gradient hardly shows are
learnt as fast as those that dominate it. Updates are scaled to AdamW's size (Liu et al. 2025,
arXiv:2502.16982), so that one learning rate serves both.
"""

import torch


def orthogonal(matrices: torch.Tensor, rounds: int = 4) -> torch.Tensor:
    """About the nearest orthogonal matrices, by Newton-Schulz in bf16; (n, rows, columns)."""
    x = matrices.to(torch.bfloat16)
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(rounds):
        square = x @ x.mT
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.mT if tall else x).float()


class Muon(torch.optim.Optimizer):
    """Takes parameters of two dimensions or more; kernels count as matrices of their outputs."""

    def __init__(self, parameters, lr: float, momentum: float = 0.95, weight_decay: float = 0.01):
        super().__init__(parameters, dict(lr=lr, momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            shapes: dict[tuple, list] = {}
            for parameter in group["params"]:
                if parameter.grad is not None:
                    rows = parameter.shape[0]
                    shape = rows, parameter.numel() // rows
                    shapes.setdefault(shape, []).append(parameter)
            for shape, parameters in shapes.items():
                self._step(group, shape, parameters)

    def _step(self, group, shape: tuple[int, int], parameters: list[torch.Tensor]):
        """One step of all parameters that are matrices of one shape."""
        momentum, rate = group["momentum"], group["lr"]
        updates = []
        for parameter in parameters:
            state = self.state[parameter]
            if not state:
                state["momentum"] = torch.zeros_like(parameter)
            state["momentum"].lerp_(parameter.grad, 1 - momentum)
            update = parameter.grad.lerp(state["momentum"], momentum)
            updates.append(update.reshape(shape))
        scale = 0.2 * max(shape) ** 0.5
        for parameter, update in zip(parameters, orthogonal(torch.stack(updates)), strict=True):
            parameter.mul_(1 - rate * group["weight_decay"])
            parameter.sub_(update.reshape(parameter.shape), alpha=rate * scale)


def is_matrix(name: str, parameter: torch.Tensor) -> bool:
    """Whether Muon takes it: neither vectors, nor embeddings, nor the first and last layers."""
    outer = ("embedding", "conv_in.", "conv_out.", "reader.")
    return parameter.ndim >= 2 and not any(word in name for word in outer)
